"""Who may ask: this server's own page, and from another machine only who has the token.

A name that somebody makes point to 127.0.0.1 gives itself away by the header Host (DNS rebinding), a form
or a script of another site by Origin. Where other machines can connect, Host may be anything, and the token
takes its place: it comes once, in the address, and is a cookie from then on.
"""

import secrets
from typing import final
from urllib.parse import quote, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
NO_TOKEN = (
    "This explorer answers those who have its token only; type the whole address that the terminal shows, "
    "with ?token=..., into the browser's address bar."
)


@final
class Guard:
    """Passes on what this server's own page asks, refuses the rest, and sends the headers above with all.

    Args:
        token: what a client must have; None where only this machine is answered, which Host must then say.
    """

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self.app = app
        self.token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        reason = refusal(scope["method"], Headers(scope=scope), loopback=self.token is None)
        answer: Response | None = None
        if reason is not None:
            answer = JSONResponse({"error": reason}, 403)
        elif self.token is not None:
            answer = admission(HTTPConnection(scope), self.token)
        await (answer or self.app)(scope, receive, with_headers(send))


def with_headers(send: Send) -> Send:
    """The headers above with whatever is sent."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(HEADERS)
        await send(message)

    return send_with_headers


def refusal(method: str, headers: Headers, loopback: bool) -> str | None:
    """Why a request is not answered, if so.

    Args:
        loopback: whether the server listens to this machine alone, so that its name can be no other.
    """
    host, origin = headers.get("host", ""), headers.get("origin")
    try:
        name = urlsplit(f"//{host}").hostname
        asked_by = urlsplit(origin).netloc if origin is not None else host
    except ValueError:
        return "The address of this request cannot be read."
    if loopback and name not in LOOPBACK:
        return "This explorer answers at localhost and 127.0.0.1 only."
    if method not in ("GET", "HEAD") and asked_by != host:
        return "This explorer answers its own page only."
    return None


def admission(request: HTTPConnection, token: str) -> Response | None:
    """What is answered at the door; None for who has the cookie.

    The token in an address becomes a cookie, and the address is asked for anew without it.
    """
    port = (request.scope.get("server") or ("", ""))[1]
    cookie = f"infogan_{port}"  # as browsers share cookies among the ports of a host
    given = request.query_params.get("token")
    if given is not None and request.scope["method"] in ("GET", "HEAD") and _same(given, token):
        rest = [(key, value) for key, value in request.query_params.multi_items() if key != "token"]
        # Relative, as neither Host nor the path may choose where a redirect leads.
        url = "./" + quote(request.scope["path"].rpartition("/")[2], safe="")
        answer = RedirectResponse(url + (f"?{urlencode(rest)}" if rest else ""), 303)
        answer.set_cookie(cookie, token, httponly=True, samesite="strict")
        return answer
    if _same(request.cookies.get(cookie, ""), token):
        return None
    return JSONResponse({"error": NO_TOKEN}, 403)


def _same(given: str, token: str) -> bool:
    return secrets.compare_digest(given.encode(errors="replace"), token.encode())
