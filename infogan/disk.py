"""Writing to the disk: whole or not at all, and a sentence for the person where it cannot be done."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infogan.errors import InfoganError


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file under a temporary name and renames it, so that no half of it is ever seen."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


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
