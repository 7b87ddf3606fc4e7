"""NumPy files from untrusted sources: no memory is allocated before the header is checked."""

import io
import math
import os
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple, final

import numpy as np

from infogan.data.formats.zip import check_entries
from infogan.utils.errors import InfoganError
from infogan.utils.io import wrap_read_errors
from infogan.utils.limits import require_within_limits

Arrays = dict[str, np.ndarray]
BinaryFile = IO[bytes] | io.BufferedIOBase  # an open file, or an entry of a zip

MAX_HEADER_BYTES = 10_000  # a Python literal, slow to parse if it is long
NUMBERS_AND_TEXT = "biufcSU"
# Version 3 is for field names beyond Latin-1.
READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


@final
class Header(NamedTuple):
    """The first bytes of a .npy."""

    shape: tuple[int, ...]
    is_fortran: bool
    dtype: np.dtype[Any]
    length: int  # bytes


def is_npz(path: Path) -> bool:
    """Whether a file begins like a zip."""
    with wrap_read_errors(path), path.open("rb") as file:
        return file.read(2) == b"PK"


def read_npz(
    path: Path,
    required: Sequence[str] | None = None,
    optional: Sequence[str] = (),
    hint: str = "fetch it again.",
) -> Arrays:
    """Arrays of numbers or text by name; all of them unless `required` names some."""
    with wrap_read_errors(path, hint), path.open("rb") as file, zipfile.ZipFile(file) as archive:
        entries = {e.filename.removesuffix(".npy"): e for e in archive.infolist()}
        for name in required or ():
            if name not in entries:
                raise InfoganError(
                    f"{path} has no array named {name!r}, but {', '.join(entries) or 'none'}; {hint}"
                )
        wanted = list(entries if required is None else required) + [n for n in optional if n in entries]
        for entry in archive.infolist():
            name = entry.filename.removesuffix(".npy")
            if name in wanted and entries[name] is not entry:
                raise ValueError(f"two arrays named {name}")
        check_entries(archive, [entries[name] for name in wanted], str(path))
        return {name: _read_entry(archive, entries[name]) for name in wanted}


def read_npy(path: Path, hint: str = "fetch it again.") -> np.ndarray:
    """One array of numbers or text."""
    with wrap_read_errors(path, hint), path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        check_header(file, size)
        require_within_limits(str(path), size, size)
        file.seek(0)
        return _read(file)


def map_npy(path: Path, hint: str = "fetch it again.", start: int = 0, size: int | None = None) -> np.ndarray:
    """One array, memory-mapped copy-on-write: PyTorch warns of read-only memory.

    Args:
        start: where the .npy begins in the file, in bytes.
        size: its length in bytes; None for the rest of the file.
    """
    with wrap_read_errors(path, hint), path.open("rb") as file:
        file.seek(start)
        header = check_header(file, os.fstat(file.fileno()).st_size - start if size is None else size)
        order: Literal["C", "F"] = "F" if header.is_fortran else "C"
        return np.memmap(file, header.dtype, "c", start + header.length, header.shape, order)


def write_npy_header(file: IO[bytes], descr: str, shape: tuple[int, ...]) -> None:
    """The header of a C-ordered array; equally long for any first dimension below 10^21."""
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> np.ndarray:
    try:
        with archive.open(entry) as file:
            check_header(file, entry.file_size)
        with archive.open(entry) as file:
            return _read(file)
    except ValueError as error:
        raise ValueError(f"{entry.filename}: {error}") from error


def _read(file: BinaryFile) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on headers written by Python 2, such as dSprites'
        return np.lib.format.read_array(file, allow_pickle=False, max_header_size=MAX_HEADER_BYTES)


def check_header(file: BinaryFile, size: int) -> Header:
    """Reads a header, which must announce numbers or text of exactly `size` bytes.

    Raises one of `DECODE_ERRORS` otherwise.
    """
    start = io.BytesIO(file.read(MAX_HEADER_BYTES))  # bounded, whatever length the header states
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        version = np.lib.format.read_magic(start)
        if version not in READERS:
            raise ValueError(f"a header of version {version[0]}.{version[1]}")
        shape, is_fortran, dtype = READERS[version](start, max_header_size=MAX_HEADER_BYTES)
    if dtype.kind not in NUMBERS_AND_TEXT or not dtype.itemsize:
        raise ValueError(f"an array of {dtype}, not of numbers or text")
    announced = start.tell() + math.prod(shape) * dtype.itemsize  # Python integers do not overflow
    if announced != size:
        raise ValueError(f"{size:,} bytes, but {announced:,} are announced")
    return Header(shape, is_fortran, dtype, start.tell())
