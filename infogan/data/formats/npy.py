"""NumPy's files: the head of an array is looked at, and believed, before any memory is taken for it."""

import io
import math
import os
import warnings
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np

from infogan.data.formats.zip import require_honest
from infogan.utils.errors import InfoganError
from infogan.utils.limits import reading, require_modest

Arrays = dict[str, np.ndarray]
Bytes = IO[bytes] | io.BufferedIOBase  # an open file, or an entry of a zip

MOST_HEAD = 10_000  # bytes of a head, which is a Python literal that takes its time where it is long
NUMBERS_AND_TEXT = "biufcSU"


def is_npz(path: Path) -> bool:
    """Whether a file begins as a zip does.

    Raises:
        InfoganError: where it cannot be read.
    """
    with reading(path), path.open("rb") as file:
        return file.read(2) == b"PK"


def read_npz(
    path: Path,
    required: Sequence[str] | None = None,
    optional: Sequence[str] = (),
    way_out: str = "fetch it again.",
) -> Arrays:
    """Arrays of numbers or text by name; without `required` all of them.

    Raises:
        InfoganError: where the file is broken, lacks one, holds objects, or announces what it has not.
    """
    with reading(path, way_out), path.open("rb") as file, zipfile.ZipFile(file) as archive:
        entries = {e.filename.removesuffix(".npy"): e for e in archive.infolist()}
        for name in required or ():
            if name not in entries:
                raise InfoganError(
                    f"{path} has no array named {name!r}, but {', '.join(entries) or 'none'}; {way_out}"
                )
        wanted = list(entries if required is None else required) + [n for n in optional if n in entries]
        times = Counter(e.filename.removesuffix(".npy") for e in archive.infolist())
        twice = [name for name in wanted if times[name] > 1]
        if twice:
            raise ValueError(f"two arrays named {twice[0]}")
        require_honest(archive, [entries[name] for name in wanted], str(path))
        return {name: _read_entry(archive, entries[name]) for name in wanted}


def read_npy(path: Path, way_out: str = "fetch it again.") -> np.ndarray:
    """One array of numbers or text.

    Raises:
        InfoganError: where the file is broken, holds objects, or is not as long as its head announces.
    """
    with reading(path, way_out), path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        _require_true(file, size)
        require_modest(str(path), size, size)
        file.seek(0)
        return _read(file)


def map_npy(path: Path, way_out: str = "fetch it again.") -> np.ndarray:
    """One array that stays on the disk, of which memory holds what is being looked at.

    Changes go to copies in memory: nothing makes any, but PyTorch warns of memory that cannot be written.

    Raises:
        InfoganError: as `read_npy`.
    """
    with reading(path, way_out):
        with path.open("rb") as file:
            _require_true(file, os.fstat(file.fileno()).st_size)
        mapped: np.ndarray = np.load(path, mmap_mode="c", allow_pickle=False, max_header_size=MOST_HEAD)
        return mapped


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> np.ndarray:
    try:
        with archive.open(entry) as file:
            _require_true(file, entry.file_size)
        with archive.open(entry) as file:
            return _read(file)
    except ValueError as error:
        raise ValueError(f"{entry.filename}: {error}") from error


def _read(file: Bytes) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python 2 wrote heads, as dSprites', that take a second look
        array: np.ndarray = np.lib.format.read_array(file, allow_pickle=False, max_header_size=MOST_HEAD)
    return array


def _require_true(file: Bytes, held: int) -> None:
    """The head is one of numbers or text that fill exactly the bytes that are held.

    Raises:
        ValueError: and others of `BROKEN`, where it is not.
    """
    start = io.BytesIO(file.read(MOST_HEAD))  # the longest head: a length that it states is not believed
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        version = np.lib.format.read_magic(start)
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(start, max_header_size=MOST_HEAD)
        elif version == (2, 0):
            shape, _, dtype = np.lib.format.read_array_header_2_0(start, max_header_size=MOST_HEAD)
        else:  # 3 is for names of fields that Latin letters cannot write
            raise ValueError(f"a head of version {version[0]}.{version[1]}")
    if dtype.kind not in NUMBERS_AND_TEXT or not dtype.itemsize:
        raise ValueError(f"an array of {dtype}, not of numbers or text")
    announced = start.tell() + math.prod(shape) * dtype.itemsize  # Python's numbers, which do not overflow
    if announced != held:
        raise ValueError(f"{held:,} bytes where {announced:,} are announced")
