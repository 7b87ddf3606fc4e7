"""MATLAB .mat files of versions 5 to 7 from untrusted sources: arrays of real numbers by name.

A file is a header of 128 bytes followed by elements. Each element has a tag of 8 bytes, its type and its
length; one of at most 4 bytes lies inside its tag. A matrix is an element that contains elements: class,
shape, name, numbers. Most matrices are compressed by zlib; they are unpacked no further than they announce.

`scipy.io.loadmat` takes 4 GB of memory for a file of 3 kB that announces it, so it is not used here.
"""

import math
import os
import struct
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import Literal

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
MAX_MATRIX_HEADER_BYTES = 512  # of the class, the shape and the name
PADDING_BYTES = 8

ByteOrder = Literal["<", ">"]


def read_mat(path: Path, wanted: Collection[str]) -> dict[str, np.ndarray]:
    """The wanted arrays that the file contains, indexed as in MATLAB."""
    found: dict[str, np.ndarray] = {}
    with wrap_read_errors(path), path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        header = file.read(HEADER_BYTES)
        if header[126:] not in (b"IM", b"MI"):
            raise ValueError("no header of a .mat of version 5 to 7")
        order: ByteOrder = "<" if header[126:] == b"IM" else ">"
        if struct.unpack_from(f"{order}H", header, 124)[0] == 0x200:
            raise InfoganError(
                f"{path} is a .mat of version 7.3; save it as version 7, as SVHN is published."
            )
        while tag := file.read(8):
            kind, length = struct.unpack(f"{order}II", tag)
            if file.tell() + length > size or kind not in (MATRIX, COMPRESSED):
                raise ValueError(f"an element of type {kind} and {length:,} bytes at {file.tell() - 8:,}")
            element = (tag if kind == MATRIX else b"") + file.read(length)
            name, array = _read_matrix(path, element, kind == COMPRESSED, order, wanted, size)
            if array is not None:
                if name in found:
                    raise ValueError(f"two arrays named {name}")
                found[name] = array
    return found


def _read_matrix(
    path: Path, content: bytes, is_compressed: bool, order: ByteOrder, wanted: Collection[str], file_size: int
) -> tuple[str, np.ndarray | None]:
    """The name and the numbers of a matrix; no numbers if it is not wanted.

    The file may store them as a smaller type than the matrix has.
    """
    head = content[: 8 * MAX_MATRIX_HEADER_BYTES]
    if is_compressed:
        head = zlib.decompressobj().decompress(head, MAX_MATRIX_HEADER_BYTES)
    if struct.unpack_from(f"{order}I", head)[0] != MATRIX:
        return "", None
    _, start, length, at = _locate_element(head, 8, order, 6, 8)
    flags = struct.unpack_from(f"{order}I", head, start)[0]
    if flags & 0xFF == OPAQUE:
        return "", None
    _, start, length, at = _locate_element(head, at, order, 5, 4 * MAX_DIMENSIONS)
    shape = struct.unpack_from(f"{order}{length // 4}i", head, start)
    _, start, length, at = _locate_element(head, at, order, 1, MAX_NAME_BYTES)
    name = head[start : start + length].decode("latin-1")
    if name not in wanted:
        return name, None
    dtype = None if flags & COMPLEX else CLASSES.get(flags & 0xFF)
    if dtype is None or any(side < 0 for side in shape):
        raise ValueError(f"{name} is not an array of real numbers")
    kind, start, length, _ = _locate_element(head, at, order)
    if kind not in TYPES:
        raise ValueError(f"{name} in elements of type {kind}")
    stored = np.dtype(TYPES[kind]).newbyteorder(order)
    if length != math.prod(shape) * stored.itemsize:
        raise ValueError(f"{name} has {length:,} bytes, but its shape is {shape}")
    unpacked = math.prod(shape) * np.dtype(dtype).itemsize
    require_within_limits(f"{name} of {path}", unpacked, file_size)
    if is_compressed:
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(content, start + length + PADDING_BYTES)
        if not unpacker.eof:  # zlib verifies its checksum at the end
            raise ValueError(f"{name} is truncated or continues after its end")
    if len(content) < start + length:
        raise EOFError("truncated")
    numbers = np.frombuffer(content, stored, math.prod(shape), start)
    return name, numbers.astype(dtype, copy=False).reshape(shape, order="F")


def _locate_element(
    content: bytes, at: int, order: ByteOrder, expected: int | None = None, max_bytes: int = 2**32
) -> tuple[int, int, int, int]:
    """The type, the start of the content, the length and the end of the element at an offset."""
    kind, length = struct.unpack_from(f"{order}II", content, at)
    start, end = at + 8, at + 8 + -(-length // 8) * 8
    if kind >> 16:  # a small element: length and type share four bytes, the content follows
        kind, length, start, end = kind & 0xFFFF, kind >> 16, at + 4, at + 8
    if expected not in (None, kind) or length > max_bytes:
        raise ValueError(f"an element of type {kind} and {length:,} bytes")
    return kind, start, length, end
