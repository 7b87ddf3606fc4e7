"""The server on its port: bound before torch loads, so that a port that is taken is told at once."""

import errno
import os
import secrets
import socket
import sys
import webbrowser
from collections.abc import Callable
from typing import TYPE_CHECKING

from infogan.utils.errors import InfoganError

if TYPE_CHECKING:
    import uvicorn

    from infogan.explore.guard import Guard
    from infogan.runs.run import Run

MOST_HEAD_BYTES = 16_384


def listen(host: str, port: int) -> socket.socket:
    """A socket that waits for browsers; port 0 is any free one.

    Raises:
        InfoganError: where the port is taken or out of range, or this machine has no such address.
    """
    if not 0 <= port < 65536:
        raise InfoganError(f"--port is {port}, but must be in 0 .. 65535.")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=64)
    except (OSError, UnicodeError) as error:
        number = error.errno if isinstance(error, OSError) else None
        if number == errno.EADDRINUSE:
            raise InfoganError(
                f"port {port} is taken, perhaps by another explorer; name another by --port, "
                "or any that is free by --port 0."
            ) from error
        if number == errno.EACCES:
            raise InfoganError(f"port {port} is not for everybody; name one above 1023 by --port.") from error
        raise InfoganError(f"--host {host} is no address of this machine; leave it at 127.0.0.1.") from error


def address_of(listening: socket.socket) -> str:
    """What to type into a browser on this machine."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(listening: socket.socket) -> bool:
    host: str = listening.getsockname()[0]
    return host == "::1" or host.startswith("127.")


def make_server(app: "Guard") -> "uvicorn.Server":
    """uvicorn as the explorer uses it; `run(sockets=[...])` serves until it is told to end."""
    import uvicorn

    from infogan.explore.limits import ImpatientProtocol

    config = uvicorn.Config(
        app,
        http=ImpatientProtocol,
        ws="none",
        lifespan="off",
        log_level="error",  # what strangers send wrong is not news to the person at the terminal
        access_log=False,
        h11_max_incomplete_event_size=MOST_HEAD_BYTES,
        timeout_graceful_shutdown=2,
    )
    return uvicorn.Server(config)


def serve(run: "Run", listening: socket.socket, browser: bool, say: Callable[[str], None]) -> None:
    """Shows a run until Ctrl-C; beyond this machine only to who has the token that is said with the address.

    Raises:
        InfoganError: for a run that cannot be shown.
    """
    from infogan.explore.explorer import Explorer
    from infogan.explore.server import make_app

    explorer = Explorer(run)
    token = None if is_loopback(listening) else secrets.token_urlsafe()
    url = address_of(listening) + (f"/?token={token}" if token else "")
    try:
        server = make_server(make_app(explorer, token))
        if token:
            say(
                "not bound to loopback: whoever has the address below, with its token, can see this model "
                "and name its codes; nothing is encrypted on the way."
            )
        say(f"{run.path.resolve().name} is shown at {url} ; Ctrl-C ends it.")
        if browser and has_display():
            webbrowser.open(url)
        server.run(sockets=[listening])
    except KeyboardInterrupt:
        pass  # uvicorn has closed in order by then, and passes the signal on
    finally:
        explorer.close()


def has_display() -> bool:
    """Whether a browser with windows can open; one in the terminal would be in the way."""
    seen = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    return seen or not sys.platform.startswith("linux")
