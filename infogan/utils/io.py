"""Writing to the disk: whole or not at all, there after a power cut, by one process at a time."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from infogan.utils.errors import InfoganError

LOCK = "lock"  # the file in a folder that `alone` holds


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file under a temporary name and renames it, so that no half of it is ever seen.

    Once this returns, the file outlasts a power cut.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        flush_folder(path.parent)
    except OSError:
        with suppress(OSError):
            part.unlink()
        raise


def make_folder(path: Path) -> None:
    """A folder, with those above it that are missing, which outlast a power cut once this returns."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        flush_folder(folder.parent)


def flush(path: Path) -> None:
    """Has the disk take what was written to a file, and its name; nothing where there is none."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        os.fsync(file.fileno())
        flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Has the disk take the names in a folder: without it, a power cut may undo a rename."""
    if os.name == "nt":  # where folders cannot be opened
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # of network drives that know no such thing
            raise
    finally:
        os.close(opened)


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Turns a failed write below `path` into a sentence."""
    try:
        yield
    except OSError as error:
        raise InfoganError(
            f"{path} cannot be written ({error.strerror or error}); make room or name another folder "
            "by --out. What was written before is still there."
        ) from error


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keeps other processes from training in this folder, which it makes; one that dies lets go of it.

    Raises:
        InfoganError: where another does, or nothing can be written there.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK)
    with telling(folder):
        make_folder(folder)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise InfoganError(
                f"{folder} is being trained by another process; wait until it ends, or name another "
                "folder by --out."
            ) from None
    try:
        yield
    finally:
        lock.release()
