"""Entries of untrusted zips, read into memory: no name in a zip becomes a path."""

import os
import zipfile
from collections.abc import Sequence

from infogan.utils.limits import require_within_limits

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the output of the others cannot be bounded


def check_entries(archive: zipfile.ZipFile, entries: Sequence[zipfile.ZipInfo], what: str) -> None:
    """Checks that entries can be unpacked and that their announced total is within limits.

    Raises a ValueError, or an InfoganError that begins with `what` if they announce too much.
    """
    for entry in entries:
        if entry.flag_bits & 1:
            raise ValueError("encrypted; pack it without a password")
        if entry.compress_type not in METHODS:
            raise ValueError(f"compressed by method {entry.compress_type}; use deflate")
    assert archive.fp is not None
    file_size = os.fstat(archive.fp.fileno()).st_size
    packed = min(sum(entry.compress_size for entry in entries), file_size)
    require_within_limits(what, sum(entry.file_size for entry in entries), packed)


def read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """The content of an entry, after `check_entries`; unpacks no more than the entry announces."""
    check_entries(archive, [entry], "it")
    with archive.open(entry) as file:
        content = file.read(entry.file_size + 1)  # without a number zipfile unpacks 2 GiB at once
    if len(content) != entry.file_size:
        raise ValueError(f"{len(content):,} bytes, but {entry.file_size:,} are announced")
    return content
