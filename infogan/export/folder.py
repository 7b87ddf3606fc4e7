"""A folder that is written whole, or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infogan.utils.errors import InfoganError


def check_folder(folder: Path) -> None:
    """Raises InfoganError unless a folder can be made there without losing anything."""
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists():
        raise InfoganError(f"{folder} is there already and not empty; name another folder.")
    if not folder.absolute().parent.is_dir():
        raise InfoganError(f"there is no folder {folder.parent} to put {folder.name} into; make it first.")


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder beside it to write into, which takes its name at the end and is gone where something failed.

    Raises:
        InfoganError: where there is something already, or it cannot be written.
    """
    check_folder(folder)
    part = folder.with_name(f"{folder.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        yield part
        part.replace(folder)  # an empty folder of that name gives way
    except OSError as error:
        raise InfoganError(
            f"{folder} cannot be written ({error.strerror or error}); make room or name another folder. "
            "Nothing was left there."
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
