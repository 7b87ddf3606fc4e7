"""A new folder that is written completely or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infogan.utils.errors import InfoganError


def check_new_folder(folder: Path) -> None:
    """Raises InfoganError if the folder exists and is not empty."""
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists():
        raise InfoganError(f"{folder} already exists and is not empty; choose another folder.")


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder to write into, renamed at the end; deleted if writing failed.

    Raises:
        InfoganError: if the folder exists and is not empty, or cannot be written.
    """
    check_new_folder(folder)
    part = folder.with_name(f"{folder.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        yield part
        part.replace(folder)  # replaces an empty folder
    except OSError as error:
        raise InfoganError(
            f"{folder} cannot be written ({error.strerror or error}); make room or choose another folder. "
            "Nothing was left there."
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
