"""A file in a shared folder by which a sweep tells its processes on other machines to stop."""

import time
from contextlib import suppress
from pathlib import Path
from typing import final

from filelock import FileLock, Timeout

from infogan.runs.locks import LOCK_NAME
from infogan.utils.io import write_atomic

LOCK_TIMEOUT = 60.0  # seconds for a process that lost its cluster to release its run
POLL_SECONDS = 0.5


@final
class StopFile:
    """Holds a token of this sweep, so that a machine can tell that it sees the same folder."""

    def __init__(self, path: Path, token: str) -> None:
        self.path = path
        self.token = token

    def create(self) -> None:
        write_atomic(self.path, self.token.encode())

    def request_stop(self) -> None:
        write_atomic(self.path, f"{self.token} stop".encode())

    def is_running(self) -> bool:
        return self._read() == self.token

    def is_stopping(self) -> bool:
        return self._read() == f"{self.token} stop"

    def wait(self) -> None:
        """Returns once the sweep must stop."""
        while self.is_running():
            time.sleep(POLL_SECONDS)

    def _read(self) -> str | None:
        with suppress(OSError):
            return self.path.read_text("utf-8")
        return None


def wait_for_lock(path: Path) -> None:
    """Waits until no other process trains in a folder, at most LOCK_TIMEOUT seconds.

    One that lost its cluster may still be ending.
    """
    if path.is_dir():
        with suppress(Timeout), FileLock(path / LOCK_NAME).acquire(timeout=LOCK_TIMEOUT):
            pass
