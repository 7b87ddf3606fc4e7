"""IDX, the format of MNIST: a magic number, the sizes, then bytes; gzipped or not."""

import gzip
import hashlib
import struct
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from infogan.errors import InfoganError


def read_idx(path: Path, *, md5: str | None = None) -> UInt8[np.ndarray, "..."]:
    """The array of unsigned bytes in an IDX file.

    Args:
        md5: of the unpacked content, in hexadecimal, if it is to be checked.

    Raises:
        InfoganError: for a file that cannot be read, is cut short, is no IDX file of bytes, or has
            another checksum.
    """
    way_out = "delete it and run again to fetch it anew, or put a good copy there."
    try:
        raw = path.read_bytes()
        content = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError, zlib.error) as error:
        raise InfoganError(f"{path} cannot be read ({error}); {way_out}") from error
    if len(content) < 4 or content[:3] != b"\x00\x00\x08":
        raise InfoganError(f"{path} is not an IDX file of bytes (wrong magic number); {way_out}")
    rank = content[3]
    start = 4 + 4 * rank
    sizes = struct.unpack(f">{rank}I", content[4:start]) if len(content) >= start else ()
    expected = start + int(np.prod(sizes, dtype=np.int64))
    if not sizes or len(content) != expected:
        raise InfoganError(f"{path} holds {len(content):,} bytes where {expected:,} are announced; {way_out}")
    if md5 is not None and hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
        raise InfoganError(f"{path} has another checksum than the published file; {way_out}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(sizes).copy()  # writable
