"""What the processes of a sweep on several machines tell each other, by files that they share."""

import time
from contextlib import suppress
from pathlib import Path
from typing import final

from filelock import FileLock, Timeout

from infogan.runs.locks import LOCK_NAME
from infogan.utils.io import write_atomic

LOCKED = 60.0  # seconds that a process that was cut off may take to let go of its run
LOOK = 0.5  # seconds between two looks at the file


@final
class Sign:
    """The file in the shared folder that holds a word of this sweep alone, until all are to stop."""

    def __init__(self, path: Path, word: str) -> None:
        self.path = path
        self.word = word

    def put(self, word: str) -> None:
        write_atomic(self.path, word.encode())

    def holds(self, word: str) -> bool:
        """Whether it says this here, now."""
        with suppress(OSError):
            return self.path.read_text() == word
        return False

    def wait(self) -> None:
        """Returns once the sweep is to stop."""
        while self.holds(self.word):
            time.sleep(LOOK)


def stopping(word: str) -> str:
    """What the file says once all are to stop."""
    return f"{word} stop"


def wait_for_lock(path: Path) -> None:
    """Waits for a process that lost its machine's connection, and may be ending still."""
    if path.is_dir():
        with suppress(Timeout), FileLock(path / LOCK_NAME).acquire(timeout=LOCKED):
            pass
