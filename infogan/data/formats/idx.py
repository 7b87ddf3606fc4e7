"""IDX, the format of MNIST: a magic number, the shape, then bytes; gzipped or not."""

import hashlib
import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from infogan.utils.errors import InfoganError
from infogan.utils.io import wrap_read_errors
from infogan.utils.limits import require_within_limits

MAX_DIMENSIONS = 8


def read_idx(path: Path, *, md5: str | None = None) -> UInt8[np.ndarray, "..."]:
    """The uint8 array in an IDX file.

    Args:
        md5: expected checksum of the unpacked file, in hexadecimal.
    """
    hint = "delete it and run again to download it, or put a good copy there."
    with wrap_read_errors(path, hint), path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        require_within_limits(str(path), size, size)
        content = raw = file.read()
        gzip = zlib.decompressobj(wbits=31) if raw[:2] == b"\x1f\x8b" else None
        if gzip is not None:
            content = gzip.decompress(raw, 4 + 4 * MAX_DIMENSIONS)
        if content[:3] != b"\x00\x00\x08":
            raise ValueError("wrong magic number: not an IDX file of bytes")
        rank = content[3]
        if not 0 < rank <= MAX_DIMENSIONS:
            raise ValueError(f"{rank} dimensions")
        start = 4 + 4 * rank
        if len(content) < start:
            raise ValueError(f"{len(content):,} bytes, but the header alone takes {start:,}")
        shape = struct.unpack_from(f">{rank}I", content, 4)
        if 0 in shape:
            raise ValueError(f"empty: shape {shape}")
        expected = start + math.prod(shape)
        if gzip is not None:
            require_within_limits(str(path), expected, size)
            # One byte more, to notice if there is one, and to reach the checksum.
            content += gzip.decompress(gzip.unconsumed_tail, max(expected - len(content), 0) + 1)
            if not gzip.eof or gzip.unused_data:
                raise EOFError("its gzip stream is truncated, or longer than announced")
        if len(content) != expected:
            raise ValueError(f"{len(content):,} bytes, but {expected:,} are announced")
    if md5 is not None and hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
        raise InfoganError(f"{path} has another checksum than the published file; {hint}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()  # writable
