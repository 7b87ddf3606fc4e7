"""The server on its port: bound before torch loads, so that a port that is taken is told at once."""

import errno
import os
import socket
import sys
import webbrowser
from collections.abc import Callable
from typing import TYPE_CHECKING

from infogan.errors import InfoganError

if TYPE_CHECKING:
    from infogan.run import Run


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


def serve(run: "Run", listening: socket.socket, browser: bool, say: Callable[[str], None]) -> None:
    """Shows a run until Ctrl-C.

    Raises:
        InfoganError: for a run that cannot be shown.
    """
    import uvicorn

    from infogan.explore.explorer import Explorer
    from infogan.explore.server import make_app

    explorer = Explorer(run)
    loopback, url = is_loopback(listening), address_of(listening)
    config = uvicorn.Config(
        make_app(explorer, loopback),
        log_level="warning",
        access_log=False,
        ws="none",
        lifespan="off",
        timeout_graceful_shutdown=2,
    )
    try:
        if not loopback:
            say("not bound to loopback: whoever reaches this machine can see this model and name its codes.")
        say(f"{run.path.resolve().name} is shown at {url} ; Ctrl-C ends it.")
        if browser and has_display():
            webbrowser.open(url)
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        pass  # uvicorn has closed in order by then, and passes the signal on
    finally:
        explorer.close()


def has_display() -> bool:
    """Whether a browser with windows can open; one in the terminal would be in the way."""
    seen = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    return seen or not sys.platform.startswith("linux")
