"""Access control: only the server's own page on this machine, and only clients with a token from others.

The Host header reveals a foreign name that resolves to 127.0.0.1 (DNS rebinding), and the Origin header a
form or script of another site. If other machines can connect, Host may be anything, and a token replaces its
check: it comes once in the address, and then becomes a cookie.

Starlette's TrustedHostMiddleware checks Host, but answers 400 in plain text, which the page cannot show.
"""

import secrets
from typing import final
from urllib.parse import quote, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; frame-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
TOKEN_REQUIRED = (
    "This explorer requires its token: type the whole address that the terminal shows, with ?token=..., into "
    "the browser's address bar."
)


@final
class AccessMiddleware:
    """Refuses requests that are not allowed, and adds SECURITY_HEADERS to every response.

    Args:
        token: required of clients; None for a server on this machine alone, which checks Host instead.
    """

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self.app = app
        self.token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        reason = forbidden_reason(scope["method"], Headers(scope=scope), loopback=self.token is None)
        response: Response | None = None
        if reason is not None:
            response = JSONResponse({"error": reason}, 403)
        elif self.token is not None:
            response = check_token(HTTPConnection(scope), self.token)
        await (response or self.app)(scope, receive, with_security_headers(send))


def with_security_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(SECURITY_HEADERS)
        await send(message)

    return send_with_headers


def forbidden_reason(method: str, headers: Headers, loopback: bool) -> str | None:
    """Why a request is refused, or None.

    Args:
        loopback: whether the server listens to this machine alone.
    """
    host, origin = headers.get("host", ""), headers.get("origin")
    try:
        name = urlsplit(f"//{host}").hostname
        origin_host = urlsplit(origin).netloc if origin is not None else host
    except ValueError:
        return "The Host or Origin header of this request is invalid."
    if loopback and name not in LOOPBACK_HOSTS:
        return "This explorer answers at localhost and 127.0.0.1 only."
    if method not in ("GET", "HEAD") and origin_host != host:
        return "This explorer answers its own page only."
    return None


def check_token(request: HTTPConnection, token: str) -> Response | None:
    """None for a client with the cookie; else a refusal, or a redirect that turns a token in the address
    into the cookie, and leads to the same address without the token."""
    port = (request.scope.get("server") or ("", ""))[1]
    cookie = f"infogan_{port}"  # browsers share cookies among the ports of a host
    given = request.query_params.get("token")
    if given is not None and request.scope["method"] in ("GET", "HEAD") and _is_same(given, token):
        rest = [(key, value) for key, value in request.query_params.multi_items() if key != "token"]
        # Relative, as neither Host nor the path may choose where a redirect leads.
        url = "./" + quote(request.scope["path"].rpartition("/")[2], safe="")
        redirect = RedirectResponse(url + (f"?{urlencode(rest)}" if rest else ""), 303)
        redirect.set_cookie(cookie, token, httponly=True, samesite="strict")
        return redirect
    if _is_same(request.cookies.get(cookie, ""), token):
        return None
    return JSONResponse({"error": TOKEN_REQUIRED}, 403)


def _is_same(given: str, token: str) -> bool:
    return secrets.compare_digest(given.encode(errors="replace"), token.encode())
