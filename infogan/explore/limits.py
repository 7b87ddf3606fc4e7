"""What one client may take from the others: a place in a line, some seconds, some bytes."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar, final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from uvicorn.protocols.http.h11_impl import H11Protocol

from infogan.explore.guard import with_headers

HEAD_SECONDS = 30.0  # for the head of a request, from the connection or from the last answer on
BODY_SECONDS = 30.0  # for all of its body
MOST_CONNECTIONS = 900  # below the 1024 files that a process may commonly open
BROKE_OFF = "The request broke off."

T = TypeVar("T")


@final
class Places:
    """So many requests at once, of one event loop; who finds no place is told to come again."""

    def __init__(self, n: int, full: str) -> None:
        self.free = n
        self.full = full

    @contextmanager
    def take(self) -> Iterator[None]:
        """A place for as long as the block lasts. Raises HTTPException(503) where there is none."""
        if not self.free:
            raise HTTPException(503, self.full, {"Retry-After": "1"})
        self.free -= 1
        try:
            yield
        finally:
            self.free += 1


async def read_body(request: Request, most: int, too_much: str) -> bytes:
    """What was sent; not a byte of it is kept where it says itself that it is too much, nor after it is.

    Args:
        most: bytes.
        too_much: what to say of more.

    Raises:
        HTTPException: 413 for more, 408 for what takes longer than BODY_SECONDS, 400 for what breaks off.
    """
    said = request.headers.get("content-length", "0")
    body = bytearray()
    if not said.isdecimal() or int(said) > most:
        raise HTTPException(413, too_much)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > most:
                    raise HTTPException(413, too_much)
    except ClientDisconnect:
        raise HTTPException(400, BROKE_OFF) from None
    except TimeoutError:
        too_slow = f"This took longer than {BODY_SECONDS:g} s to arrive; send something smaller."
        raise HTTPException(408, too_slow, {"Connection": "close"}) from None
    return bytes(body)


async def while_there(request: Request, submit: Callable[[], "Future[T]"]) -> T:
    """The result of work that is given to a thread; for a client that goes away it is not begun.

    Args:
        request: one whose body, if any, was read.

    Raises:
        HTTPException: where the client went away before the work began; no one will read it.
    """
    future = submit()
    done, left = asyncio.wrap_future(future), asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait((done, left), return_when=asyncio.FIRST_COMPLETED)
        if left.done() and future.cancel():
            raise HTTPException(400, BROKE_OFF)
        return await done
    finally:
        left.cancel()
        done.cancel()  # where the server ends


async def _crowded(scope: Any, receive: Any, send: Any) -> None:
    headers = {"Retry-After": "1", "Connection": "close"}
    answer = JSONResponse({"error": "Too many are connected to this explorer."}, 503, headers)
    await answer(scope, receive, with_headers(send))


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


@final
class ImpatientProtocol(H11Protocol):
    """uvicorn's HTTP, which by itself waits for ever for clients that connect and then do not ask.

    Nor does it, when too many are connected, go on answering those who were there before.
    """

    _giving_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            self.app = _crowded
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self._await_head()
        super().on_response_complete()

    def _await_head(self) -> None:
        self._stop_waiting()
        self._giving_up = self.loop.call_later(HEAD_SECONDS, self._give_up, self.cycle)

    def _stop_waiting(self) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()

    def _give_up(self, last: Any) -> None:
        if self.cycle is last:  # no head came since
            self.transport.close()
