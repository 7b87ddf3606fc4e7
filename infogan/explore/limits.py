"""Limits on what one client may take from the others: requests in progress, seconds, bytes, connections."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar, final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from uvicorn.protocols.http.h11_impl import H11Protocol

from infogan.explore.access import with_security_headers

HEAD_TIMEOUT = 30.0  # s, for the head of a request, from the connection or the last response on
BODY_TIMEOUT = 30.0  # s, for its whole body
MAX_CONNECTIONS = 900  # below the usual limit of 1024 open files per process
DISCONNECTED = "The client disconnected."

T = TypeVar("T")


@final
class RequestLimit:
    """A limit on simultaneous requests that refuses instead of waiting. For one event loop."""

    def __init__(self, n: int, message: str) -> None:
        self.n_free = n
        self.message = message

    @contextmanager
    def acquire(self) -> Iterator[None]:
        """Counts the block as a request. Raises HTTPException(503) if there are too many."""
        if not self.n_free:
            raise HTTPException(503, self.message, {"Retry-After": "1"})
        self.n_free -= 1
        try:
            yield
        finally:
            self.n_free += 1


async def read_body(request: Request, max_bytes: int, too_large: str) -> bytes:
    """The body of a request; one that is too large is not read further, or not at all if its head says so.

    Raises:
        HTTPException: 413 with the message `too_large`, 408 after BODY_TIMEOUT, 400 after a disconnect.
    """
    length = request.headers.get("content-length", "0")
    body = bytearray()
    if not length.isdecimal() or int(length) > max_bytes:
        raise HTTPException(413, too_large)
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            async for part in request.stream():
                body += part
                if len(body) > max_bytes:
                    raise HTTPException(413, too_large)
    except ClientDisconnect:
        raise HTTPException(400, DISCONNECTED) from None
    except TimeoutError:
        too_slow = f"The request took longer than {BODY_TIMEOUT:g} s to arrive; send something smaller."
        raise HTTPException(408, too_slow, {"Connection": "close"}) from None
    return bytes(body)


async def run_while_connected(request: Request, submit: Callable[[], "Future[T]"]) -> T:
    """The result of work in a thread, which is cancelled if the client disconnects before it begins.

    Args:
        request: its body must have been read.

    Raises:
        HTTPException: if the work was cancelled; no one will read it.
    """
    future = submit()
    done = asyncio.wrap_future(future)
    disconnected = asyncio.ensure_future(_wait_for_disconnect(request))
    try:
        await asyncio.wait((done, disconnected), return_when=asyncio.FIRST_COMPLETED)
        if disconnected.done() and future.cancel():
            raise HTTPException(400, DISCONNECTED)
        return await done
    finally:
        disconnected.cancel()
        done.cancel()  # if the server is shutting down


async def _wait_for_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _too_many_connections(scope: Any, receive: Any, send: Any) -> None:
    headers = {"Retry-After": "1", "Connection": "close"}
    response = JSONResponse({"error": "Too many clients are connected to this explorer."}, 503, headers)
    await response(scope, receive, with_security_headers(send))


@final
class LimitedH11Protocol(H11Protocol):
    """uvicorn's HTTP with a timeout for heads and a limit on connections.

    uvicorn itself waits without end for a client that connects and sends nothing, and its own limit refuses
    the requests of clients that are already connected, too.
    """

    _timeout: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            self.app = _too_many_connections
        self._start_timeout()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_timeout()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self._start_timeout()
        super().on_response_complete()

    def _start_timeout(self) -> None:
        self._cancel_timeout()
        self._timeout = self.loop.call_later(HEAD_TIMEOUT, self._close_if_idle, self.cycle)

    def _cancel_timeout(self) -> None:
        if self._timeout is not None:
            self._timeout.cancel()

    def _close_if_idle(self, last_cycle: Any) -> None:
        if self.cycle is last_cycle:  # no head has arrived since
            self.transport.close()
