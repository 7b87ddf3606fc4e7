"""Who may ask: no page of another site, though the browser that shows it reaches this machine's loopback.

A name that somebody makes point to 127.0.0.1 gives itself away by the header Host (DNS rebinding), a form
or a script of another site by Origin.
"""

from typing import final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
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


@final
class Guard:
    """Passes on what this server's own page asks, refuses the rest, and sends the headers above with all."""

    def __init__(self, app: ASGIApp, loopback: bool) -> None:
        self.app = app
        self.loopback = loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        reason = refusal(scope["method"], Headers(scope=scope), self.loopback)
        app = JSONResponse({"error": reason}, 403) if reason else self.app
        await app(scope, receive, send_with_headers)


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
