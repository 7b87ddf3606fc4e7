"""Arrays that may be larger than the memory, from untrusted files: mapped from the disk, not read.

A compressed array is unpacked once: cache/arrays/NAME-HASH.npy
"""

import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np

from infogan.data.cache import folder_in_cache, written_to_cache
from infogan.data.formats.npy import check_header, map_npy, write_npy_header
from infogan.data.formats.zip import METHODS
from infogan.utils.errors import InfoganError
from infogan.utils.io import wrap_read_errors
from infogan.utils.limits import require_plausible

BLOCK_BYTES = 2**24  # of an array that is unpacked
LOCAL_HEADER_BYTES = 30  # of an entry of a zip, before its name


def map_array(path: Path, name: str) -> np.ndarray:
    """An array by name of a .npz or .h5, or the one of a .npy, memory-mapped copy-on-write."""
    if path.suffix == ".npy":
        return map_npy(path)
    with wrap_read_errors(path):
        found = path.stat()
    key = f"{path.resolve()}: {found.st_size}, {found.st_mtime_ns}; {name}"
    unpacked = folder_in_cache("arrays", f"{path.stem} {name}", "own", key.encode()).with_suffix(".npy")
    if unpacked.exists():
        return map_npy(unpacked)
    return (_map_h5 if path.suffix == ".h5" else _map_npz)(path, name, unpacked)


def _map_npz(path: Path, name: str, unpacked: Path) -> np.ndarray:
    with wrap_read_errors(path), path.open("rb") as file, zipfile.ZipFile(file) as archive:
        entries = {e.filename.removesuffix(".npy"): e for e in archive.infolist()}
        if name not in entries:
            raise InfoganError(
                f"{path} has no array named {name!r}, but {', '.join(entries) or 'none'}; fetch it again."
            )
        entry = entries[name]
        if entry.flag_bits & 1 or entry.compress_type not in METHODS:
            raise ValueError(f"{name} is encrypted, or compressed by method {entry.compress_type}")
        if entry.compress_type == zipfile.ZIP_STORED:
            file.seek(entry.header_offset)
            name_and_extra = struct.unpack_from("<2H", file.read(LOCAL_HEADER_BYTES), 26)
            start = entry.header_offset + LOCAL_HEADER_BYTES + sum(name_and_extra)
            return map_npy(path, start=start, size=entry.file_size)
        with archive.open(entry) as source:
            check_header(source, entry.file_size)

        def write(part: IO[bytes]) -> None:
            with wrap_read_errors(path), archive.open(entry) as source:
                while block := source.read(BLOCK_BYTES):  # no more than is announced
                    part.write(block)

        _unpack(path, name, entry.file_size, min(entry.compress_size, path.stat().st_size), unpacked, write)
    return map_npy(unpacked)


def _map_h5(path: Path, name: str, unpacked: Path) -> np.ndarray:
    try:
        import h5py
    except ImportError as error:
        raise InfoganError(f"reading {path} needs h5py; pip install 'infogan[h5]'.") from error
    with wrap_read_errors(path), h5py.File(path) as f:
        found = f[name] if isinstance(f.get(name, getlink=True), h5py.HardLink) else None
        # Soft links, external links and virtual arrays are refused, as they may read other files.
        if not isinstance(found, h5py.Dataset) or found.external or found.is_virtual or not found.ndim:
            raise InfoganError(f"{path} has no array {name}; fetch it again.")
        if found.dtype.kind not in "biuf":
            raise ValueError(f"{name} of {found.dtype}")
        rows = max(1, BLOCK_BYTES * len(found) // max(1, found.nbytes))

        def write(part: IO[bytes]) -> None:
            write_npy_header(part, found.dtype.str, found.shape)
            for start in range(0, len(found), rows):
                with wrap_read_errors(path):
                    block = found[start : start + rows]
                part.write(block.tobytes())

        _unpack(path, name, found.nbytes, found.id.get_storage_size(), unpacked, write)
    return map_npy(unpacked)


def _unpack(
    path: Path, name: str, size: int, packed: int, unpacked: Path, write: Callable[[IO[bytes]], None]
) -> None:
    require_plausible(f"{name} of {path}", size, packed)
    with written_to_cache(unpacked) as part:
        free = shutil.disk_usage(part.parent).free
        if free < size:
            raise InfoganError(
                f"{name} of {path} needs {size / 1e9:.1f} GB in {part.parent}, but {free / 1e9:.1f} GB are "
                "free; make room there, or set XDG_CACHE_HOME to another folder."
            )
        with part.open("wb") as file:
            write(file)
