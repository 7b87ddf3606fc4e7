"""The lock that keeps a second process from training in the same folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from infogan.utils.errors import InfoganError
from infogan.utils.io import make_folder, wrap_write_errors

LOCK_NAME = "lock"


@contextmanager
def exclusive_lock(folder: Path) -> Iterator[None]:
    """Locks a run folder, which it makes if missing. The lock ends with the process, even if that is killed.

    Raises:
        InfoganError: if another process holds the lock, or the folder cannot be written.
    """
    lock = FileLock(folder / LOCK_NAME)
    with wrap_write_errors(folder):
        make_folder(folder)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise InfoganError(
                f"{folder} is being trained by another process; wait until it ends or choose another folder."
            ) from None
    try:
        yield
    finally:
        lock.release()
