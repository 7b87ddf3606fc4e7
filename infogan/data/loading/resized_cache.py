"""A cache of resized images, read through a memory map.

cache/pictures/NAME-HASH/pixels.npy   uint8 (n, ch, h, w)
                        /about.json   what the images were made from; names; bad ones; how many have pages
"""

import json
import os
import shutil
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from jaxtyping import UInt8

from infogan.data.cache import folder_in_cache
from infogan.data.formats.collection import (
    ImageCollection,
    Unreadable,
    decode_images,
    escape_surrogates,
    report_left_out,
    report_unreadable,
)
from infogan.data.formats.npy import map_npy, write_npy_header
from infogan.data.formats.pages import PageCounter
from infogan.data.images import Images, as_pixels
from infogan.data.pixels import ToPixels
from infogan.utils.errors import InfoganError, shown
from infogan.utils.io import wrap_write_errors

VERSION = 2  # increase it when the same images give other pixels than before

About = dict[str, Any]


def load_resized(collection: ImageCollection, to_pixels: ToPixels, skip_bad: bool = False) -> Images:
    """The images of a collection, resized to one shape, in order.

    They are memory-mapped from the user's cache folder. The first call writes the cache; a later call writes
    it again if an image has changed. An interrupted call leaves nothing behind. `skip_bad` leaves out
    unreadable images and says on standard error how many.
    """
    key = f"{collection.key}; {to_pixels}"
    recipe = f"{VERSION}; Pillow {PIL.__version__}; {key}; {collection.fingerprint()}"
    name = Path(collection.key).name
    folder = folder_in_cache("pictures", name, "own", key.encode(errors="surrogateescape"))
    found = _read(folder, recipe)
    if found is None:
        _write(collection, to_pixels, recipe, folder)
        found = _read(folder, recipe)
    if found is None:
        raise InfoganError(f"{folder} was changed while {shown(collection.source)} was read; try again.")
    x, about = found
    unreadable = {int(i): Unreadable(name, reason) for i, name, reason in about["bad"]}
    bad = report_unreadable(collection.source, collection.n, list(unreadable.values()), skip_bad)
    left_out = bad + report_left_out(collection.source, collection.left_out, about["paged"])
    labels = collection.labels and collection.labels.drop(list(unreadable))
    names = tuple(map(escape_surrogates, about["names"])) if collection.has_file_names else None
    return Images(as_pixels(x), labels, names, left_out=left_out)


def _read(folder: Path, recipe: str) -> tuple[UInt8[np.ndarray, "n ch h w"], About] | None:
    """The content of a cache folder, if it has the same recipe and is complete."""
    with suppress(OSError, ValueError, KeyError, TypeError, InfoganError):
        about = json.loads((folder / "about.json").read_text("ascii"))
        if about["recipe"] == recipe:
            x = map_npy(folder / "pixels.npy")
            if len(x) == len(about["names"]) and isinstance(about["paged"], int):
                return x, about
    return None


def _write(collection: ImageCollection, to_pixels: ToPixels, recipe: str, folder: Path) -> None:
    shape, part = to_pixels.shape, folder.with_name(f"{folder.name}.{os.getpid()}.part")
    assert shape is not None  # images of many sizes have no array
    names: list[str] = []
    unreadable: list[tuple[int, str, str]] = []
    counted = PageCounter(to_pixels)
    with wrap_write_errors(folder.parent, "resized images are cached there; make room."):
        try:
            part.mkdir(parents=True, exist_ok=True)
            needed, free = collection.n * int(np.prod(shape)), shutil.disk_usage(part).free
            if free < needed:
                raise InfoganError(
                    f"the resized images need {needed / 1e9:.1f} GB in {folder.parent}, but {free / 1e9:.1f} "
                    "GB are free; make room there, or set XDG_CACHE_HOME to another folder."
                )
            with (
                (part / "pixels.npy").open("wb") as file,
                closing(decode_images(collection, counted, progress_label="reading images")) as outcomes,
            ):
                write_npy_header(file, "|u1", (collection.n, *shape))
                for i, (name, outcome) in enumerate(outcomes):
                    if isinstance(outcome, Unreadable):
                        unreadable.append((i, outcome.name, outcome.reason))
                    else:
                        names.append(name)
                        file.write(outcome.tobytes())
                file.seek(0)
                write_npy_header(file, "|u1", (len(names), *shape))
                file.flush()
                os.fsync(file.fileno())
            if not names:
                reported = [Unreadable(name, reason) for _, name, reason in unreadable]
                report_unreadable(collection.source, collection.n, reported, skip_bad=True)
            about = {"recipe": recipe, "names": names, "bad": unreadable, "paged": counted.n}
            (part / "about.json").write_text(json.dumps(about), "ascii")
            _replace_folder(part, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _replace_folder(part: Path, folder: Path) -> None:
    old = part.with_suffix(".old")
    with suppress(FileNotFoundError):
        folder.rename(old)
    try:
        part.rename(folder)
    except OSError:
        if not folder.is_dir():  # else another process was faster
            raise
    finally:
        shutil.rmtree(old, ignore_errors=True)
