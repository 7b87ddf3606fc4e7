"""Files: read and write errors as one sentence, writes that are atomic and survive a power cut."""

import errno
import json
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from PIL import Image

from infogan.utils.errors import InfoganError, one_line

# What Pillow, zipfile, zlib and NumPy raise for a damaged or malicious file, and the ValueError of our own
# decoders. MemoryError: the file announces more than the machine gives to one process.
DECODE_ERRORS = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
    tokenize.TokenError,
    Image.DecompressionBombError,
)


@contextmanager
def wrap_read_errors(path: Path, hint: str = "fetch it again.") -> Iterator[None]:
    """Turns any of `DECODE_ERRORS` into an InfoganError that ends in the hint."""
    try:
        yield
    except DECODE_ERRORS as error:
        raise InfoganError(f"{path} cannot be read ({one_line(error).rstrip('.')}); {hint}") from error


@contextmanager
def wrap_write_errors(
    path: Path,
    hint: str = "make room or choose another folder. What was written before is still there.",
) -> Iterator[None]:
    """Turns an OSError into an InfoganError that ends in the hint."""
    try:
        yield
    except OSError as error:
        raise InfoganError(f"{path} cannot be written ({error.strerror or error}); {hint}") from error


def write_atomic(path: Path, content: bytes) -> None:
    """Writes a file under a temporary name, then renames it: readers see the old file or the whole new one.

    The file survives a power cut once this returns.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        fsync_folder(path.parent)
    except OSError:
        with suppress(OSError):
            part.unlink()
        raise


def make_folder(path: Path) -> None:
    """Makes a folder and its missing parents; they survive a power cut once this returns."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        fsync_folder(folder.parent)


def fsync_file(path: Path) -> None:
    """Flushes a file and its name to the disk; does nothing if there is no such file."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        os.fsync(file.fileno())
        fsync_folder(path.parent)


def fsync_folder(folder: Path) -> None:
    """Flushes the names in a folder to the disk: without it, a power cut may undo a rename."""
    if os.name == "nt":  # which cannot open folders
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # of network drives without fsync
            raise
    finally:
        os.close(opened)


def read_json_object(file: Path) -> dict[str, Any]:
    """The JSON object in a file; empty if it cannot be read."""
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
