"""MATLAB's .mat of version 5 to 7: arrays of real numbers by name, and nothing else of it is looked into.

A file is a head of 128 bytes and elements, each with a tag of 8: its type and its length, or, where it is
4 bytes or less, these and itself. A matrix is an element of elements: class, sizes, name, numbers. Most are
packed by zlib, and are unpacked no further than they announce.
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
from infogan.utils.limits import reading, require_modest

HEAD = 128
MATRIX, PACKED = 14, 15
TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
COMPLEX = 0x800
OPAQUE = 17  # the class of MATLAB's own objects, which have no sizes
MOST_SIDES, MOST_NAME = 32, 64
CHUNK = 2**16

Order = Literal["<", ">"]  # of bytes, as struct and NumPy call it


@final
class _Unpacked:
    """What zlib packed into the next bytes of a file."""

    def __init__(self, file: IO[bytes], packed: int) -> None:
        self._file = file
        self._left = packed
        self._zlib = zlib.decompressobj()

    def read(self, n: int, /) -> bytearray:
        """The next n bytes, or fewer at the end."""
        out = bytearray()
        while len(out) < n and not self._zlib.eof:
            more = self._zlib.decompress(self._zlib.unconsumed_tail, n - len(out))
            if not more and not self._zlib.eof:
                packed = self._file.read(min(CHUNK, self._left))
                if not packed:
                    raise EOFError("cut short")
                self._left -= len(packed)
                more = self._zlib.decompress(packed, n - len(out))
            out += more
        return out


class _Tag(NamedTuple):
    kind: int
    length: int
    here: bytes | bytearray | None  # the element itself, where it is small


class _Matrix(NamedTuple):
    """What is known of a matrix before its numbers are read."""

    name: str
    kind: str | None  # of NumPy; None for what is not real numbers
    shape: tuple[int, ...]


def read_mat(path: Path, wanted: Collection[str]) -> dict[str, np.ndarray]:
    """Those of the wanted arrays that are there, in the order of indices that MATLAB shows.

    Raises:
        InfoganError: where the file is broken, of version 7.3, announces what it has not, or a wanted one is
            no array of real numbers.
    """
    with reading(path), path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        order = _order(path, file.read(HEAD))
        found: dict[str, np.ndarray] = {}
        while raw := file.read(8):
            kind, length = struct.unpack(f"{order}II", raw)
            end = file.tell() + length
            if end > size or kind not in (MATRIX, PACKED):
                raise ValueError(f"an element of type {kind} and {length:,} bytes at {end - length - 8:,}")
            source: IO[bytes] | _Unpacked = file
            if kind == PACKED:
                source = _Unpacked(file, length)
                kind, length = struct.unpack(f"{order}II", _exactly(source, 8))
            matrix = _matrix(source, order) if kind == MATRIX else _Matrix("", None, ())
            if matrix.name in wanted:
                if matrix.name in found:
                    raise ValueError(f"two arrays named {matrix.name}")
                found[matrix.name] = _numbers(path, source, order, matrix, size)
            file.seek(end)
    return found


def _order(path: Path, head: bytes) -> Order:
    order: Order = "<" if head[126:] == b"IM" else ">"
    if head[126:] not in (b"IM", b"MI"):
        raise ValueError("no head of a .mat of version 5 to 7")
    if struct.unpack(f"{order}H", head[124:126])[0] == 0x200:
        raise InfoganError(f"{path} is a .mat of version 7.3; save it as version 7, as SVHN is published.")
    return order


def _exactly(source: IO[bytes] | _Unpacked, n: int) -> bytes | bytearray:
    content = source.read(n)
    if len(content) < n:
        raise EOFError("cut short")
    return content


def _tag(source: IO[bytes] | _Unpacked, order: Order) -> _Tag:
    raw = _exactly(source, 8)
    kind, length = struct.unpack(f"{order}II", raw)
    if kind >> 16:
        return _Tag(kind & 0xFFFF, kind >> 16, raw[4:][: kind >> 16])
    return _Tag(kind, length, None)


def _element(source: IO[bytes] | _Unpacked, order: Order, kind: int, most: int) -> bytes | bytearray:
    """A short element of a matrix, of one kind and `most` bytes."""
    tag = _tag(source, order)
    if tag.kind != kind or tag.length > most:
        raise ValueError(f"an element of type {tag.kind} and {tag.length:,} bytes")
    if tag.here is not None:
        return tag.here
    return _exactly(source, -(-tag.length // 8) * 8)[: tag.length]


def _matrix(source: IO[bytes] | _Unpacked, order: Order) -> _Matrix:
    flags, _ = struct.unpack(f"{order}II", _element(source, order, 6, 8))
    if flags & 0xFF == OPAQUE:
        return _Matrix("", None, ())
    kind = None if flags & COMPLEX else CLASSES.get(flags & 0xFF)
    sides = _element(source, order, 5, 4 * MOST_SIDES)
    shape = struct.unpack(f"{order}{len(sides) // 4}i", sides)
    if any(side < 0 for side in shape):
        raise ValueError(f"an array of shape {shape}")
    return _Matrix(_element(source, order, 1, MOST_NAME).decode("latin-1"), kind, shape)


def _numbers(
    path: Path, source: IO[bytes] | _Unpacked, order: Order, matrix: _Matrix, size: int
) -> np.ndarray:
    """Whole numbers may lie in the file as a smaller type than they are of."""
    if matrix.kind is None:
        raise ValueError(f"{matrix.name} is no array of real numbers")
    tag = _tag(source, order)
    if tag.kind not in TYPES:
        raise ValueError(f"{matrix.name} in elements of type {tag.kind}")
    stored = np.dtype(TYPES[tag.kind]).newbyteorder(order)
    announced = math.prod(matrix.shape) * stored.itemsize
    if tag.length != announced:
        raise ValueError(f"{matrix.name} of {tag.length:,} bytes where its sizes make {announced:,}")
    require_modest(f"{matrix.name} of {path}", math.prod(matrix.shape) * np.dtype(matrix.kind).itemsize, size)
    content = tag.here if tag.here is not None else _exactly(source, tag.length)
    # Up to 7 bytes fill up; reading as far as the end has zlib check its sum.
    if isinstance(source, _Unpacked) and len(source.read(8)) == 8:
        raise ValueError(f"{matrix.name} goes on after its end")
    return np.frombuffer(content, stored).astype(matrix.kind, copy=False).reshape(matrix.shape, order="F")
