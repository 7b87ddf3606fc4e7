"""Image files in a folder or a zip."""

import hashlib
import os
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import final

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from infogan.data.cache import cached_arrays
from infogan.data.formats.collection import Decode, ImageCollection, LazyImage, read_images
from infogan.data.formats.image import open_image
from infogan.data.formats.npy import Arrays
from infogan.data.formats.zip import read_entry
from infogan.data.labels import labels_from_folders
from infogan.utils.errors import InfoganError, shown
from infogan.utils.io import DECODE_ERRORS

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")
MAX_ENTRY_BYTES = 2**31  # of an image in a zip, which is read into memory


@final
@dataclass(frozen=True)
class ImageFiles:
    """Image files by name, none of them opened yet."""

    root: Path  # the folder or the zip
    names: tuple[str, ...]  # relative to the root

    @property
    def fingerprint(self) -> str:
        """Changes if an image is added, removed or rewritten."""
        digest = hashlib.sha256()
        is_zip = self.root.is_file()
        if is_zip:
            digest.update(_size_and_time(self.root))
        for name in self.names:
            digest.update(os.fsencode(name) + b"\0")
            if not is_zip:
                digest.update(_size_and_time(os.path.join(self.root, name)))
        # The wording is part of the key of existing caches.
        return f"{self.root.resolve()}: {len(self.names)} pictures, {digest.hexdigest()}"

    def collection(self) -> ImageCollection:
        is_single = len(self.names) == 1 and self.root.is_dir()
        key = (self.root / self.names[0] if is_single else self.root).resolve()
        separator = "/" if self.root.is_file() else os.sep
        return ImageCollection(
            str(self.root),
            str(key),
            len(self.names),
            self._items,
            lambda: self.fingerprint,
            labels_from_folders(self.names, separator),
        )

    @contextmanager
    def _items(self, indices: Sequence[int] | None) -> Iterator[Iterator[LazyImage]]:
        names = self.names if indices is None else [self.names[i] for i in indices]
        if self.root.is_file():
            with zipfile.ZipFile(self.root) as archive:
                yield (LazyImage(name, partial(_open_entry, archive, name)) for name in names)
        else:
            yield (LazyImage(name, partial(open_image, os.path.join(self.root, name))) for name in names)

    def read(
        self, decode: Decode, skip_bad: bool = False
    ) -> tuple[UInt8[np.ndarray, "n ch h w"], tuple[str, ...]]:
        """The images and their names; arguments and errors as `read_images`."""
        x, names, _ = read_images(self.collection(), decode, skip_bad)
        return x, names

    def read_cached(
        self, name: str, key: str, decode: Decode, skip_bad: bool
    ) -> tuple[UInt8[np.ndarray, "n ch h w"], tuple[str, ...]]:
        """The same, from the cache if it has them; arguments also as `cached_arrays`."""

        def make() -> Arrays:
            x, names = self.read(decode, skip_bad)
            return {"x": x, "names": np.array(names)}

        arrays = cached_arrays(name, key, make)
        return arrays["x"], tuple(map(str, arrays["names"]))


def _size_and_time(path: str | Path) -> bytes:
    try:
        found = os.stat(path)
    except OSError:
        return b"gone"
    return b"%d %d" % (found.st_size, found.st_mtime_ns)


def _open_entry(archive: zipfile.ZipFile, name: str) -> Image.Image:
    entry = archive.getinfo(name)
    if entry.file_size > MAX_ENTRY_BYTES:
        raise ValueError(f"{entry.file_size:,} bytes; unpack the zip")
    return open_image(read_entry(archive, entry))


def find_image_files(path: Path) -> ImageFiles:
    """All images in a folder and its subfolders, in a zip, or a single file; sorted by name.

    Files and folders whose names begin with a dot are skipped. Links to folders are followed, but each folder
    is visited once, and no parent of this one.
    """
    if path.is_dir():
        files, separator = _list_files(path), os.sep
    elif path.suffix.lower() == ".zip":
        try:
            with zipfile.ZipFile(path) as archive:
                files, separator = [e for e in archive.namelist() if not e.endswith("/")], "/"
        except DECODE_ERRORS as error:
            raise InfoganError(f"{path} cannot be read as a zip ({error}); fetch it again.") from error
        files = [f for f in files if not any(part.startswith(".") for part in PurePosixPath(f).parts)]
    else:
        return ImageFiles(path.parent, (path.name,))
    names = sorted((f for f in files if f.lower().endswith(SUFFIXES)), key=lambda name: name.split(separator))
    if not names:
        raise InfoganError(
            f"{shown(str(path))} contains no image ({', '.join(SUFFIXES)}){_describe_others(files)}."
        )
    return ImageFiles(path, tuple(names))


def _describe_others(files: list[str]) -> str:
    """What a folder without images contains instead."""
    if not files:
        return "; it is empty"
    (suffix, n), *_ = Counter(os.path.splitext(file)[1].lower() for file in files).most_common(1)
    ends = f"end in {shown(suffix)}" if suffix else "have no suffix"
    return f"; of its {len(files):,} files {n:,} {ends}"


def _list_files(root: Path) -> list[str]:
    """The files below a folder, unsorted, including broken links."""
    visited = {_device_and_inode(folder) for folder in (root.resolve(), *root.resolve().parents)}
    files: list[str] = []
    folders, links = [""], list[str]()
    while folders or links:
        # Links come last, so that a folder that also lies below the root keeps its own name.
        below = folders.pop() if folders else links.pop()
        folder = os.path.join(root, below)
        if below:
            identity = _device_and_inode(folder)
            if identity in visited:
                continue
            visited.add(identity)
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name, reverse=True)
        except OSError as error:
            raise InfoganError(f"{shown(folder)} cannot be listed ({error.strerror}).") from error
        for entry in entries:
            name = os.path.join(below, entry.name)
            if entry.name.startswith("."):
                continue
            if _is_true(entry.is_dir):
                (links if entry.is_symlink() else folders).append(name)
            elif _is_true(entry.is_file) or entry.is_symlink():
                files.append(name)
    return files


def _device_and_inode(folder: str | Path) -> tuple[int, int]:
    found = os.stat(folder)
    return found.st_dev, found.st_ino


def _is_true(test: Callable[[], bool]) -> bool:
    """The answer of a DirEntry, False for a link to itself."""
    try:
        return test()
    except OSError:
        return False
