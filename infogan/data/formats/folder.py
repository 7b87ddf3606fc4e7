"""Image files in a folder or a zip."""

import hashlib
import os
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import final

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from infogan.data.cache import cached_arrays
from infogan.data.formats.collection import Decode, ImageCollection, LazyImage, read_images
from infogan.data.formats.image import (
    N_PREFIX,
    SUFFIXES,
    describe_left_out,
    is_image_file,
    open_image,
    size_of,
)
from infogan.data.formats.npy import Arrays
from infogan.data.formats.pages import PageReader, count_pages, page_name
from infogan.data.formats.zip import check_entries, read_entry
from infogan.data.labels import labels_from_folders
from infogan.utils.errors import InfoganError, shown
from infogan.utils.io import DECODE_ERRORS

MAX_ENTRY_BYTES = 2**31  # of an image in a zip, which is read into memory


@final
@dataclass(frozen=True)
class ImageFiles:
    """Image files by name, none of them opened yet."""

    root: Path  # the folder or the zip
    names: tuple[str, ...]  # relative to the root
    pages: tuple[int, ...] = ()  # how many of each file are images of their own; empty for the first alone
    left_out: str = ""  # what else the folder contains, as a message says it

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
        n, of_pages = (sum(self.pages), "; pages") if self.pages else (len(self.names), "")
        return ImageCollection(
            str(self.root),
            f"{key}{of_pages}",
            n,
            self._items,
            lambda: f"{self.fingerprint}{of_pages}",
            labels_from_folders([name for name, _ in self._entries()], separator),
            left_out=self.left_out,
        )

    def with_pages(self) -> "ImageFiles":
        """The same files, every page and frame as an image; opens each to count them."""
        with self._opener() as open_file:
            return replace(self, pages=count_pages(iter(self.names), open_file))

    @contextmanager
    def _items(self, indices: Sequence[int] | None) -> Iterator[Iterator[LazyImage]]:
        with self._opener() as open_file, closing(PageReader(open_file)) as read_page:

            def lazy(name: str, page: int | None) -> LazyImage:
                if page is None:
                    return LazyImage(name, lambda: open_file(name)[0])
                return LazyImage(page_name(name, page), partial(read_page, name, page))

            entries = self._entries()
            yield (lazy(*entry) for entry in (entries if indices is None else [entries[i] for i in indices]))

    def _entries(self) -> list[tuple[str, int | None]]:
        """The file of each image, and its page if there are several."""
        if not self.pages:
            return [(name, None) for name in self.names]
        pairs = zip(self.names, self.pages, strict=True)
        return [(name, page if n > 1 else None) for name, n in pairs for page in range(n)]

    @contextmanager
    def _opener(self) -> Iterator[Callable[[str], tuple[Image.Image, int]]]:
        """Opens images by name; the second result is the bytes of the file."""
        if self.root.is_file():
            with zipfile.ZipFile(self.root) as archive:
                yield partial(_open_entry, archive)
        else:
            yield partial(_open_file, str(self.root))

    def read(
        self, decode: Decode, skip_bad: bool = False
    ) -> tuple[UInt8[np.ndarray, "n ch h w"], tuple[str, ...]]:
        """The images and their names; arguments and errors as `read_images`."""
        read = read_images(self.collection(), decode, skip_bad)
        return read.x, read.names

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


def _open_file(root: str, name: str) -> tuple[Image.Image, int]:
    path = os.path.join(root, name)
    return open_image(path), size_of(path)


def _open_entry(archive: zipfile.ZipFile, name: str) -> tuple[Image.Image, int]:
    entry = archive.getinfo(name)
    if entry.file_size > MAX_ENTRY_BYTES:
        raise ValueError(f"{entry.file_size:,} bytes; unpack the zip")
    return open_image(read_entry(archive, entry)), entry.file_size


def find_image_files(path: Path) -> ImageFiles:
    """All images in a folder and its subfolders, in a zip, or a single file; sorted by name.

    Files without the ending of an image or of a known other kind are images if their first bytes say so.
    Run folders are skipped, and files and folders whose names begin with a dot. Links to folders are
    followed, but each folder is visited once, and no parent of this one.
    """
    if path.is_dir():
        files, separator = _list_files(path), os.sep
        others = [name for name in files if not is_image_file(name, partial(_read_prefix, str(path)))]
    elif path.suffix.lower() == ".zip":
        try:
            with zipfile.ZipFile(path) as archive:
                files, separator = [e for e in archive.namelist() if not e.endswith("/")], "/"
                files = [f for f in files if not any(part.startswith(".") for part in PurePosixPath(f).parts)]
                others = [f for f in files if not is_image_file(f, partial(_read_entry_prefix, archive))]
        except DECODE_ERRORS as error:
            raise InfoganError(f"{path} cannot be read as a zip ({error}); fetch it again.") from error
    else:
        return ImageFiles(path.parent, (path.name,))
    names = sorted(set(files) - set(others), key=lambda name: name.split(separator))
    if not names:
        raise InfoganError(
            f"{shown(str(path))} contains no image ({', '.join(SUFFIXES[:8])}, ...){_describe_others(files)}."
        )
    return ImageFiles(path, tuple(names), left_out=describe_left_out(others, len(files)))


def _read_prefix(root: str, name: str) -> bytes:
    path = os.path.join(root, name)
    with suppress(OSError):
        if os.path.isfile(path):  # to open a pipe would wait for its writer
            with open(path, "rb") as file:
                return file.read(N_PREFIX)
    return b""


def _read_entry_prefix(archive: zipfile.ZipFile, name: str) -> bytes:
    with suppress(InfoganError, *DECODE_ERRORS):
        entry = archive.getinfo(name)
        check_entries(archive, [entry], "it")
        with archive.open(entry) as file:
            return file.read(N_PREFIX)
    return b""


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
        if {"config.json", "checkpoints"} <= {entry.name for entry in entries}:
            continue  # a run folder, whose figures are no images to train on
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
