"""Pictures brought to a shape once, and then read from the cache through a memory map.

cache/pictures/NAME-HASH/pixels.npy   uint8 (n, ch, h, w)
                        /about.json   what they were made of, their names, and what could not be read
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import PIL
from jaxtyping import UInt8

from infogan.config import Shape
from infogan.data.cache import cache_folder
from infogan.data.formats.collection import ImageCollection, decoded
from infogan.data.formats.npy import map_npy
from infogan.data.formats.resize import Shaper, bits_in_use
from infogan.data.formats.unreadable import Unreadable, complain, left, writable
from infogan.data.images import Images
from infogan.utils.errors import InfoganError, shown

RECIPE = 1  # another number where pixels come out otherwise than before

About = dict[str, Any]


def packed(
    collection: ImageCollection, shape: Shape, square: Literal["crop", "pad"], skip_bad: bool = False
) -> Images:
    """The pictures of a pile in that shape, in the order of the pile.

    They lie in a file of the user's cache folder, of which memory holds what is being looked at. It is made
    by the first call, and anew where a picture has changed; a call that is interrupted leaves nothing.

    Args:
        skip_bad: leaves out those that cannot be read, and says on standard error how many.

    Raises:
        InfoganError: where pictures cannot be read, which counts them all; where the cache cannot be written.
    """
    kept_as = f"{collection.key}; {shape}; {square}"
    recipe = f"{RECIPE}; Pillow {PIL.__version__}; {kept_as}; {collection.fingerprint()}"
    folder = cache_folder() / "pictures" / f"{_slug(collection.key)}-{_hash(kept_as)}"
    found = _look(folder, recipe)
    if found is None:
        found = _pack(collection, shape, square, recipe, folder)
    x, about = found
    bad = {int(i): Unreadable(name, reason) for i, name, reason in about["bad"]}
    complain(collection.where, collection.n, list(bad.values()), skip_bad)
    labels = collection.labels
    if labels is not None and bad:
        labels = np.array(left(labels.tolist(), list(bad)))
    names = tuple(map(writable, about["names"])) if collection.named else None
    return Images.from_arrays(x, labels, names)


def _slug(key: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", Path(key).name)[:40].strip("-") or "own"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:12]


def _look(folder: Path, recipe: str) -> tuple[UInt8[np.ndarray, "n ch h w"], About] | None:
    """What the folder holds, if it was made of the same and is whole."""
    with suppress(OSError, ValueError, KeyError, TypeError, InfoganError):
        about = json.loads((folder / "about.json").read_text("ascii"))
        if about["recipe"] == recipe:
            x = map_npy(folder / "pixels.npy")
            if len(x) == len(about["names"]):
                return x, about
    return None


def _pack(
    collection: ImageCollection, shape: Shape, square: Literal["crop", "pad"], recipe: str, folder: Path
) -> tuple[UInt8[np.ndarray, "n ch h w"], About]:
    part = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    names: list[str] = []
    bad: list[tuple[int, str, str]] = []
    shaper = Shaper(shape, square, bits_in_use(collection))
    with _telling(folder.parent):
        try:
            part.mkdir(parents=True, exist_ok=True)
            _require_room(part, collection.n * int(np.prod(shape)))
            with (
                (part / "pixels.npy").open("wb") as file,
                closing(decoded(collection, shaper, doing="reading pictures")) as outcomes,
            ):
                _write_head(file, (collection.n, *shape))
                for i, (name, outcome) in enumerate(outcomes):
                    if isinstance(outcome, Unreadable):
                        bad.append((i, outcome.name, outcome.reason))
                    else:
                        names.append(name)
                        file.write(outcome.tobytes())
                file.seek(0)
                _write_head(file, (len(names), *shape))
                file.flush()
                os.fsync(file.fileno())
            if not names:
                complain(
                    collection.where,
                    collection.n,
                    [Unreadable(name, reason) for _, name, reason in bad],
                    True,
                )
            about = {"recipe": recipe, "names": names, "bad": bad}
            (part / "about.json").write_text(json.dumps(about), "ascii")
            _swap(part, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    found = _look(folder, recipe)
    if found is None:
        raise InfoganError(f"{folder} was changed while {shown(collection.where)} was read; try again.")
    return found


def _write_head(file: BinaryIO, shape: tuple[int, ...]) -> None:
    """As long for any number of pictures below 10^21, so that it can be written again once that is known."""
    head = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, head)


def _require_room(folder: Path, n_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < n_bytes:
        raise InfoganError(
            f"the pictures need {n_bytes / 1e9:.1f} GB in {folder.parent}, where {free / 1e9:.1f} GB are "
            "free; make room there, or name another folder by XDG_CACHE_HOME."
        )


def _swap(part: Path, folder: Path) -> None:
    """Puts the new folder in the place of the one of another recipe, if there is one."""
    old = part.with_suffix(".old")
    with suppress(FileNotFoundError):
        folder.rename(old)
    try:
        part.rename(folder)
    except OSError:
        if not folder.is_dir():  # else another process was quicker
            raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _telling(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InfoganError(
            f"pictures cannot be kept in {folder} ({error.strerror or error}); make room there."
        ) from error
