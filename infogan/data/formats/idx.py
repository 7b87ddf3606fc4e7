"""IDX, the format of MNIST: a magic number, the sizes, then bytes; gzipped or not."""

import hashlib
import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from infogan.utils.errors import InfoganError
from infogan.utils.limits import reading, require_modest

MOST_SIDES = 8


def read_idx(path: Path, *, md5: str | None = None) -> UInt8[np.ndarray, "..."]:
    """The array of unsigned bytes in an IDX file.

    Args:
        md5: of the unpacked content, in hexadecimal, if it is to be checked.

    Raises:
        InfoganError: for a file that cannot be read, is cut short, is no IDX file of bytes, or has
            another checksum.
    """
    way_out = "delete it and run again to fetch it anew, or put a good copy there."
    with reading(path, way_out), path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        require_modest(str(path), size, size)
        raw = file.read()
        unpacked = zlib.decompressobj(wbits=31) if raw[:2] == b"\x1f\x8b" else None
        content = raw if unpacked is None else unpacked.decompress(raw, 4 + 4 * MOST_SIDES)
        start, sizes = _head(content)
        expected = start + math.prod(sizes)
        if unpacked is not None:
            require_modest(str(path), expected, size)
            if expected >= len(content) and not unpacked.eof:  # one more, which would be too many
                content += unpacked.decompress(unpacked.unconsumed_tail, expected - len(content) + 1)
            if len(content) == expected and not (unpacked.eof and not unpacked.unused_data):
                raise EOFError("the end of its gzip is missing, or something follows it")
        if len(content) != expected:
            raise ValueError(f"{len(content):,} bytes where {expected:,} are announced")
    if md5 is not None and hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
        raise InfoganError(f"{path} has another checksum than the published file; {way_out}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(sizes).copy()  # writable


def _head(content: bytes) -> tuple[int, tuple[int, ...]]:
    """Where the numbers begin, and the sizes of their array."""
    if len(content) < 4 or content[:3] != b"\x00\x00\x08":
        raise ValueError("wrong magic number: not an IDX file of bytes")
    rank = content[3]
    start = 4 + 4 * rank
    if not 0 < rank <= MOST_SIDES:
        raise ValueError(f"it has {rank or 'no'} sizes")
    if len(content) < start:
        raise ValueError(f"{len(content):,} bytes where the sizes alone take {start:,}")
    sizes = struct.unpack(f">{rank}I", content[4:start])
    if 0 in sizes:
        raise ValueError(f"it holds nothing, {sizes}")
    return start, sizes
