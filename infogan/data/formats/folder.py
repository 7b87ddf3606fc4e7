"""Picture files in a folder or a zip."""

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

from infogan.data.formats.collection import Decode, ImageCollection, Item, read
from infogan.data.formats.image import open_picture
from infogan.data.formats.zip import read_entry
from infogan.utils.errors import InfoganError, shown
from infogan.utils.limits import BROKEN

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")
LARGEST = 2**31  # bytes of a picture in a zip, which are held in memory


@final
@dataclass(frozen=True)
class PictureFiles:
    """Pictures by name, none of them read yet."""

    root: Path  # the folder or the zip
    names: tuple[str, ...]  # below the root

    @property
    def fingerprint(self) -> str:
        """Changes where a picture is added, taken away or written anew; for the recipe of what is kept."""
        known = hashlib.sha256()
        is_zip = self.root.is_file()
        if is_zip:
            known.update(_state(self.root))
        for name in self.names:
            known.update(os.fsencode(name) + b"\0")
            if not is_zip:
                known.update(_state(os.path.join(self.root, name)))
        return f"{self.root.resolve()}: {len(self.names)} pictures, {known.hexdigest()}"

    def collection(self) -> ImageCollection:
        alone = len(self.names) == 1 and self.root.is_dir()
        key = (self.root / self.names[0] if alone else self.root).resolve()
        return ImageCollection(
            str(self.root), str(key), len(self.names), self._items, lambda: self.fingerprint
        )

    @contextmanager
    def _items(self, index: Sequence[int] | None) -> Iterator[Iterator[Item]]:
        names = self.names if index is None else [self.names[i] for i in index]
        if self.root.is_file():
            with zipfile.ZipFile(self.root) as archive:
                yield (Item(name, partial(_open_entry, archive, name)) for name in names)
        else:
            yield (Item(name, partial(open_picture, os.path.join(self.root, name))) for name in names)

    def read(
        self, decode: Decode, skip_bad: bool = False
    ) -> tuple[UInt8[np.ndarray, "n ch h w"], tuple[str, ...]]:
        """The pictures and their names, in the order of `names`; all have one shape.

        Args:
            decode: from an open picture to an array; a ValueError says why it cannot be one of them.
            skip_bad: leaves out those that cannot be read, and says on standard error how many.

        Raises:
            InfoganError: where pictures cannot be read, which counts them all; where two differ in shape.
        """
        x, names, _ = read(self.collection(), decode, skip_bad)
        return x, names


def _state(path: str | Path) -> bytes:
    try:
        found = os.stat(path)
    except OSError:
        return b"gone"
    return b"%d %d" % (found.st_size, found.st_mtime_ns)


def _open_entry(archive: zipfile.ZipFile, name: str) -> Image.Image:
    entry = archive.getinfo(name)
    if entry.file_size > LARGEST:
        raise ValueError(f"{entry.file_size:,} bytes; unpack the zip")
    return open_picture(read_entry(archive, entry))


def find_pictures(path: Path) -> PictureFiles:
    """All pictures in a folder and those within it, in a zip, or one alone; in the order of their names.

    Names that begin with a dot are left out, of files and of folders: they are what other programs remember
    about pictures. Links to folders are followed, but no folder is counted twice, and none above this one.

    Raises:
        InfoganError: where there is none, or a folder or the zip cannot be read.
    """
    if path.is_dir():
        files, apart = _walk(path), os.sep
    elif path.suffix.lower() == ".zip":
        try:
            with zipfile.ZipFile(path) as archive:
                files, apart = [e for e in archive.namelist() if not e.endswith("/")], "/"
        except BROKEN as error:
            raise InfoganError(f"{path} cannot be read as a zip ({error}); fetch it again.") from error
        files = [f for f in files if not any(part.startswith(".") for part in PurePosixPath(f).parts)]
    else:
        return PictureFiles(path.parent, (path.name,))
    names = sorted((f for f in files if f.lower().endswith(SUFFIXES)), key=lambda name: name.split(apart))
    if not names:
        raise InfoganError(f"{shown(str(path))} holds no picture ({', '.join(SUFFIXES)}){_others(files)}.")
    return PictureFiles(path, tuple(names))


def _others(files: list[str]) -> str:
    """What a folder without pictures holds instead."""
    if not files:
        return "; it is empty"
    (suffix, n), *_ = Counter(os.path.splitext(file)[1].lower() for file in files).most_common(1)
    ends = f"end in {shown(suffix)}" if suffix else "have no ending"
    return f"; of its {len(files):,} files {n:,} {ends}"


def _walk(root: Path) -> list[str]:
    """The files below a folder, in no order; links that lead nowhere are among them."""
    seen = {_identity(folder) for folder in (root.resolve(), *root.resolve().parents)}
    files: list[str] = []
    folders, links = [""], list[str]()
    while folders or links:
        # Links come last, so that a folder goes by its own name where it has one here.
        below = folders.pop() if folders else links.pop()
        place = os.path.join(root, below)
        if below:
            identity = _identity(place)
            if identity in seen:
                continue
            seen.add(identity)
        try:
            entries = sorted(os.scandir(place), key=lambda entry: entry.name, reverse=True)
        except OSError as error:
            raise InfoganError(f"{shown(place)} cannot be looked into ({error.strerror}).") from error
        for entry in entries:
            name = os.path.join(below, entry.name)
            if entry.name.startswith("."):
                continue
            if _holds(entry.is_dir):
                (links if entry.is_symlink() else folders).append(name)
            elif _holds(entry.is_file) or entry.is_symlink():
                files.append(name)
    return files


def _identity(folder: str | Path) -> tuple[int, int]:
    found = os.stat(folder)
    return found.st_dev, found.st_ino


def _holds(question: Callable[[], bool]) -> bool:
    """What a folder's entry says of itself; a link in a circle is nothing."""
    try:
        return question()
    except OSError:
        return False
