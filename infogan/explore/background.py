"""Work in a thread of its own that begins when it is first asked for."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar, final

END_TIMEOUT = 5.0  # s, for work in progress when the explorer ends

T = TypeVar("T")


@final
class Background(Generic[T]):
    """A result that is made once.

    Args:
        make: returns it; should end soon once `closed` is set.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._future: Future[T] | None = None
        self._thread: threading.Thread | None = None
        self.closed = threading.Event()

    def is_done(self) -> bool:
        """Whether the result is there; the first call begins. Called by one thread only.

        Raises:
            Exception: that of `make`; the next call tries again.
        """
        if self._future is None:
            self._future = Future()
            self._thread = threading.Thread(target=self._run, args=(self._future,), daemon=True)
            self._thread.start()
        done = self._future
        if not done.done():
            return False
        if done.exception():
            self._future = None
        done.result()
        return True

    def result(self) -> T | None:
        """None if it is not there."""
        return self._future.result() if self._future is not None and self._future.done() else None

    def close(self) -> None:
        self.closed.set()
        if self._thread is not None:
            self._thread.join(END_TIMEOUT)

    def _run(self, future: "Future[T]") -> None:
        try:
            future.set_result(self._make())
        except BaseException as error:
            future.set_exception(error)
