"""Serves the explorer. The port is bound before torch loads, so that a port in use is reported at once."""

import errno
import os
import secrets
import socket
import sys
import webbrowser
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from typing import TYPE_CHECKING

from infogan.utils.errors import InfoganError

if TYPE_CHECKING:
    import uvicorn

    from infogan.explore.access import AccessMiddleware
    from infogan.runs.run import Run

MAX_HEAD_BYTES = 16_384


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 is any free one.

    Raises:
        InfoganError: if the port is in use or out of range, or the host is not an address of this machine.
    """
    if not 0 <= port < 65536:
        raise InfoganError(f"port is {port}, but must be in 0 .. 65535.")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=64)
    except (OSError, UnicodeError) as error:
        number = error.errno if isinstance(error, OSError) else None
        if number == errno.EADDRINUSE:
            raise InfoganError(
                f"port {port} is in use, perhaps by another explorer; choose another port, or 0 for any free "
                "one."
            ) from error
        if number == errno.EACCES:
            raise InfoganError(f"port {port} is reserved for root; choose a port above 1023.") from error
        raise InfoganError(
            f"host {host} is not an address of this machine; the default is 127.0.0.1."
        ) from error


def url_of(listening: socket.socket) -> str:
    """The address for a browser on this machine."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(listening: socket.socket) -> bool:
    host: str = listening.getsockname()[0]
    return host == "::1" or host.startswith("127.")


def make_server(app: "AccessMiddleware") -> "uvicorn.Server":
    """A uvicorn server; `run(sockets=[...])` serves until it is stopped."""
    import uvicorn

    from infogan.explore.limits import LimitedH11Protocol

    config = uvicorn.Config(
        app,
        http=LimitedH11Protocol,
        ws="none",
        lifespan="off",
        log_level="error",  # invalid requests of strangers do not concern the person at the terminal
        access_log=False,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        timeout_graceful_shutdown=2,
    )
    return uvicorn.Server(config)


def serve(runs: Sequence["Run"], listening: socket.socket, browser: bool, say: Callable[[str], None]) -> None:
    """Serves runs until Ctrl-C; other machines need the token in the printed address.

    Args:
        runs: one, or two that are shown side by side.
        browser: whether to open the page, if there is a display.
        say: prints a line.

    Raises:
        InfoganError: if a run cannot be shown.
    """
    from infogan.explore.explorer import Explorer
    from infogan.explore.server import make_app

    with ExitStack() as stack:
        explorers = [stack.enter_context(closing(Explorer(run))) for run in runs]
        token = None if is_loopback(listening) else secrets.token_urlsafe()
        url = url_of(listening) + (f"/?token={token}" if token else "")
        server = make_server(make_app(*explorers, token=token))
        if token:
            say(
                "not bound to loopback: anyone with the address below, which contains a token, can see what "
                "the explorer shows, with images of the training, and name it; nothing is encrypted."
            )
        names = " and ".join(run.path.resolve().name for run in runs)
        say(f"{names} {'is' if len(runs) == 1 else 'are'} at {url} ; press Ctrl-C to stop.")
        if browser and has_display():
            webbrowser.open(url)
        with suppress(KeyboardInterrupt):  # uvicorn has shut down by then, and passes the signal on
            server.run(sockets=[listening])


def has_display() -> bool:
    """Whether a graphical browser can open; one in the terminal would hide the address."""
    display = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    return display or not sys.platform.startswith("linux")
