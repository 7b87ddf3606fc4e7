"""MATLAB .mat files of versions 5 to 7 from untrusted sources: arrays of real numbers by name.

A file is a header of 128 bytes followed by elements. Each element has a tag of 8 bytes, its type and its
length; one of at most 4 bytes lies inside its tag. A matrix is an element that contains elements: class,
shape, name, numbers. Most matrices are compressed by zlib; they are unpacked no further than they announce.
"""

import math
import os
import struct
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import IO, Literal, NamedTuple, final

import numpy as np

from infogan.utils.errors import InfoganError
from infogan.utils.io import wrap_read_errors
from infogan.utils.limits import require_within_limits

HEADER_BYTES = 128
MATRIX, COMPRESSED = 14, 15
TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
COMPLEX = 0x800
OPAQUE = 17  # the class of MATLAB objects, which have no shape
MAX_DIMENSIONS, MAX_NAME_BYTES = 32, 64
CHUNK_BYTES = 2**16

ByteOrder = Literal["<", ">"]


@final
class _ZlibReader:
    """Reads what zlib compressed into the next `packed` bytes of a file."""

    def __init__(self, file: IO[bytes], packed: int) -> None:
        self._file = file
        self._left = packed
        self._zlib = zlib.decompressobj()

    def read(self, n: int, /) -> bytearray:
        out = bytearray()
        while len(out) < n and not self._zlib.eof:
            more = self._zlib.decompress(self._zlib.unconsumed_tail, n - len(out))
            if not more and not self._zlib.eof:
                packed = self._file.read(min(CHUNK_BYTES, self._left))
                if not packed:
                    raise EOFError("truncated")
                self._left -= len(packed)
                more = self._zlib.decompress(packed, n - len(out))
            out += more
        return out


Reader = IO[bytes] | _ZlibReader


class _Tag(NamedTuple):
    kind: int
    length: int
    content: bytes | bytearray | None  # of a small element


class _MatrixHeader(NamedTuple):
    name: str
    dtype: str | None  # None if it is not an array of real numbers
    shape: tuple[int, ...]


def read_mat(path: Path, wanted: Collection[str]) -> dict[str, np.ndarray]:
    """The wanted arrays that the file contains, indexed as in MATLAB.

    Raises:
        InfoganError: if the file is damaged, of version 7.3, announces a wrong size, or a wanted array is not
            of real numbers.
    """
    with wrap_read_errors(path), path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        order = _byte_order(path, file.read(HEADER_BYTES))
        found: dict[str, np.ndarray] = {}
        while raw := file.read(8):
            kind, length = struct.unpack(f"{order}II", raw)
            end = file.tell() + length
            if end > size or kind not in (MATRIX, COMPRESSED):
                raise ValueError(f"an element of type {kind} and {length:,} bytes at {end - length - 8:,}")
            reader: Reader = file
            if kind == COMPRESSED:
                reader = _ZlibReader(file, length)
                kind, length = struct.unpack(f"{order}II", _read_exactly(reader, 8))
            matrix = _read_matrix_header(reader, order) if kind == MATRIX else _MatrixHeader("", None, ())
            if matrix.name in wanted:
                if matrix.name in found:
                    raise ValueError(f"two arrays named {matrix.name}")
                found[matrix.name] = _read_numbers(path, reader, order, matrix, size)
            file.seek(end)
    return found


def _byte_order(path: Path, header: bytes) -> ByteOrder:
    order: ByteOrder = "<" if header[126:] == b"IM" else ">"
    if header[126:] not in (b"IM", b"MI"):
        raise ValueError("no header of a .mat of version 5 to 7")
    if struct.unpack(f"{order}H", header[124:126])[0] == 0x200:
        raise InfoganError(f"{path} is a .mat of version 7.3; save it as version 7, as SVHN is published.")
    return order


def _read_exactly(reader: Reader, n: int) -> bytes | bytearray:
    content = reader.read(n)
    if len(content) < n:
        raise EOFError("truncated")
    return content


def _read_tag(reader: Reader, order: ByteOrder) -> _Tag:
    raw = _read_exactly(reader, 8)
    kind, length = struct.unpack(f"{order}II", raw)
    if kind >> 16:
        return _Tag(kind & 0xFFFF, kind >> 16, raw[4:][: kind >> 16])
    return _Tag(kind, length, None)


def _read_element(reader: Reader, order: ByteOrder, kind: int, max_bytes: int) -> bytes | bytearray:
    tag = _read_tag(reader, order)
    if tag.kind != kind or tag.length > max_bytes:
        raise ValueError(f"an element of type {tag.kind} and {tag.length:,} bytes")
    if tag.content is not None:
        return tag.content
    return _read_exactly(reader, -(-tag.length // 8) * 8)[: tag.length]


def _read_matrix_header(reader: Reader, order: ByteOrder) -> _MatrixHeader:
    flags, _ = struct.unpack(f"{order}II", _read_element(reader, order, 6, 8))
    if flags & 0xFF == OPAQUE:
        return _MatrixHeader("", None, ())
    dtype = None if flags & COMPLEX else CLASSES.get(flags & 0xFF)
    raw = _read_element(reader, order, 5, 4 * MAX_DIMENSIONS)
    shape = struct.unpack(f"{order}{len(raw) // 4}i", raw)
    if any(side < 0 for side in shape):
        raise ValueError(f"an array of shape {shape}")
    return _MatrixHeader(_read_element(reader, order, 1, MAX_NAME_BYTES).decode("latin-1"), dtype, shape)


def _read_numbers(
    path: Path, reader: Reader, order: ByteOrder, matrix: _MatrixHeader, size: int
) -> np.ndarray:
    """The numbers of a matrix; the file may store them as a smaller type than the matrix has."""
    if matrix.dtype is None:
        raise ValueError(f"{matrix.name} is not an array of real numbers")
    tag = _read_tag(reader, order)
    if tag.kind not in TYPES:
        raise ValueError(f"{matrix.name} in elements of type {tag.kind}")
    stored = np.dtype(TYPES[tag.kind]).newbyteorder(order)
    announced = math.prod(matrix.shape) * stored.itemsize
    if tag.length != announced:
        raise ValueError(f"{matrix.name} has {tag.length:,} bytes, but its shape needs {announced:,}")
    unpacked = math.prod(matrix.shape) * np.dtype(matrix.dtype).itemsize
    require_within_limits(f"{matrix.name} of {path}", unpacked, size)
    content = tag.content if tag.content is not None else _read_exactly(reader, tag.length)
    # Up to 7 bytes are padding; reading to the end makes zlib verify its checksum.
    if isinstance(reader, _ZlibReader) and len(reader.read(8)) == 8:
        raise ValueError(f"{matrix.name} continues after its end")
    return np.frombuffer(content, stored).astype(matrix.dtype, copy=False).reshape(matrix.shape, order="F")
