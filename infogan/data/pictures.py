"""Picture files in a folder or a zip: found, read by several threads, and counted where they are broken."""

import io
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import final

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from infogan.data.source import progress
from infogan.errors import InfoganError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")
BLOCK = 32  # pictures a thread reads before it reports
SHOWN = 3  # broken pictures that a message names

# What Pillow and zipfile raise for a file that is cut, altered or no picture; a decode raises ValueError.
BROKEN = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    LookupError,
    TypeError,
    RuntimeError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
    Image.DecompressionBombError,
)

Decode = Callable[[Image.Image], UInt8[np.ndarray, "ch h w"]]


@final
@dataclass(frozen=True)
class PictureFiles:
    """Pictures by name, none of them read yet."""

    root: Path  # the folder or the zip
    names: tuple[str, ...]  # below the root

    @property
    def fingerprint(self) -> str:
        """Changes where a picture is added, taken away or written anew; for the recipe of what is kept."""
        files = [self.root] if self.root.is_file() else [self.root / name for name in self.names]
        stats = [file.stat() for file in files]
        size, newest = sum(s.st_size for s in stats), max(s.st_mtime_ns for s in stats)
        return f"{self.root.resolve()}: {len(self.names)} pictures, {size} bytes, changed {newest}"

    @contextmanager
    def _contents(self) -> Iterator[Callable[[str], bytes]]:
        if self.root.is_file():
            with zipfile.ZipFile(self.root) as archive:
                yield archive.read
        else:
            yield lambda name: (self.root / name).read_bytes()

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
        x = np.empty((0, 0, 0, 0), np.uint8)
        names: list[str] = []
        bad: list[str] = []
        blocks = [self.names[i : i + BLOCK] for i in range(0, len(self.names), BLOCK)]
        pool = ThreadPoolExecutor()
        with self._contents() as content:
            try:
                outcomes = pool.map(
                    lambda block: [_read_one(content, name, decode) for name in block], blocks
                )
                counted = progress(chain.from_iterable(outcomes), "reading pictures", len(self.names))
                for name, outcome in zip(self.names, counted, strict=True):
                    if isinstance(outcome, str):
                        bad.append(f"{name} ({outcome})")
                        continue
                    if not names:
                        x = np.empty((len(self.names), *outcome.shape), np.uint8)
                    if outcome.shape != x.shape[1:]:
                        raise InfoganError(
                            f"{self.root / name} has (channels, height, width) {outcome.shape} where "
                            f"{self.root / names[0]} has {x.shape[1:]}; bring them to one size and mode."
                        )
                    x[len(names)] = outcome
                    names.append(name)
            finally:
                pool.shutdown(cancel_futures=True)
        if bad:
            self._complain(bad, skip_bad)
        return x[: len(names)], tuple(names)

    def _complain(self, bad: Sequence[str], skip_bad: bool) -> None:
        n, shown = len(self.names), ", ".join(bad[:SHOWN]) + (", ..." if len(bad) > SHOWN else "")
        if n == 1:
            name, _, reason = bad[0].partition(" (")
            raise InfoganError(f"{self.root / name} cannot be read as a picture ({reason}.")
        if len(bad) == n:
            raise InfoganError(f"none of the {n:,} pictures in {self.root} can be read: {shown}.")
        said = f"{len(bad):,} of {n:,} pictures in {self.root} cannot be read: {shown}"
        if not skip_bad:
            raise InfoganError(f"{said}; mend them or leave them out by --skip-bad.")
        print(f"{said}; they are left out.", file=sys.stderr)


def _read_one(
    content: Callable[[str], bytes], name: str, decode: Decode
) -> UInt8[np.ndarray, "ch h w"] | str:
    """The picture, or why there is none."""
    try:
        with Image.open(io.BytesIO(content(name))) as picture:
            picture.load()
            return decode(picture)
    except UnidentifiedImageError:
        return "of no format that is known"
    except BROKEN as error:
        return str(error) or type(error).__name__


def find_pictures(path: Path) -> PictureFiles:
    """All pictures in a folder and those within it, in a zip, or one alone; in the order of their names.

    Names that begin with a dot are left out: they are what other programs remember about a picture.

    Raises:
        InfoganError: where there is none, or the zip cannot be read.
    """
    if path.is_dir():
        inside = [file.relative_to(path) for file in path.rglob("*")]
        names = tuple(str(file) for file in sorted(inside) if _is_picture(file.name))
    elif path.suffix.lower() == ".zip":
        try:
            with zipfile.ZipFile(path) as archive:
                entries = sorted(PurePosixPath(entry) for entry in archive.namelist())
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise InfoganError(f"{path} cannot be read as a zip ({error}); fetch it again.") from error
        names = tuple(str(entry) for entry in entries if _is_picture(entry.name))
    else:
        return PictureFiles(path.parent, (path.name,))
    if not names:
        raise InfoganError(f"{path} holds no picture ({', '.join(SUFFIXES)}).")
    return PictureFiles(path, names)


def _is_picture(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def as_array(picture: Image.Image) -> UInt8[np.ndarray, "ch h w"]:
    """A picture as it is: one channel where it is gray, else red, green and blue; 16 bits become 8.

    Raises:
        ValueError: for numbers of 32 bits, whose range nobody states.
    """
    if picture.mode in ("I", "F"):
        raise ValueError(f"of mode {picture.mode}, 32 bits; save it with 8 or 16")
    if picture.mode.startswith("I;16"):
        return (np.asarray(picture) >> 8).astype(np.uint8)[None]
    if picture.mode in ("1", "L", "LA"):
        return np.asarray(picture.convert("L"))[None]
    return np.asarray(picture.convert("RGB")).transpose(2, 0, 1)
