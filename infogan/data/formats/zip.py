"""Entries of zips that nobody vouches for, read in memory alone: no name in a zip becomes a path."""

import os
import zipfile
from collections.abc import Sequence

from infogan.utils.limits import require_modest

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others unpack without an end that could be set


def require_honest(archive: zipfile.ZipFile, entries: Sequence[zipfile.ZipInfo], what: str) -> None:
    """Entries can be read, and what they announce, all in all, is modest.

    Raises:
        ValueError: where one is encrypted, or packed otherwise than by deflate.
        InfoganError: where they announce too much; it begins with `what`.
    """
    for entry in entries:
        if entry.flag_bits & 1:
            raise ValueError("encrypted; pack it without a password")
        if entry.compress_type not in METHODS:
            raise ValueError(f"packed by method {entry.compress_type}; pack it by deflate")
    packed = min(sum(entry.compress_size for entry in entries), _size(archive))
    require_modest(what, sum(entry.file_size for entry in entries), packed)


def _size(archive: zipfile.ZipFile) -> int:
    """The bytes of the zip itself, whatever it says of its entries."""
    assert archive.fp is not None
    return os.fstat(archive.fp.fileno()).st_size


def read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """What an entry holds, of which no more is unpacked than it announces.

    Raises:
        ValueError: where it holds less, and as `require_honest`; zipfile raises for another checksum.
        InfoganError: as `require_honest`.
    """
    require_honest(archive, [entry], "it")
    with archive.open(entry) as file:
        content = file.read(entry.file_size + 1)  # without a number zipfile unpacks 2 GiB at once
    if len(content) != entry.file_size:
        raise ValueError(f"{len(content):,} bytes where {entry.file_size:,} are announced")
    return content
