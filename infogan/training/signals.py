"""Ctrl-C and SIGTERM, held back until a step is done."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_requests() -> Iterator[list[int]]:
    """A list that the signals are added to; everything can be saved between steps, but not within one."""
    requests: list[int] = []

    def request(number: int, _: FrameType | None) -> None:
        if requests:
            raise KeyboardInterrupt  # pressed twice: stop at once
        requests.append(number)

    before = {s: signal.signal(s, request) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
