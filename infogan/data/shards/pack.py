"""Writes images as tar shards, which WebDataset reads too, and an index beside them.

000000.tar, 000001.tar, ...  the samples: an image, 000000000.png, its label, 000000000.cls, if any, and the
                             name of its file, 000000000.json, if it has one
pack.json                    what the shards are made from, so that an interrupted pack can continue
"""

import hashlib
import io
import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import PIL
from PIL import Image

from infogan.data.formats.collection import (
    ImageCollection,
    Unreadable,
    decode_images,
    report_left_out,
    report_unreadable,
)
from infogan.data.formats.pages import PageCounter
from infogan.data.pixels import ToPixels
from infogan.data.shards.files import find_shards
from infogan.data.shards.index import INDEX_NAME, write_index
from infogan.data.shards.writer import TAR, Sample, ShardLimit, last_sample_number, list_shards, write_shards
from infogan.utils.errors import InfoganError, shown
from infogan.utils.io import make_folder, wrap_write_errors, write_atomic

RECIPE_NAME = "pack.json"
OUR_FILES = re.compile(
    rf"{TAR}(\.[0-9]+\.part)?|(pack|index)\.json(\.part)?|index-[0-9a-f]{{12}}\.(npy|txt)|index\.[0-9]+\.(part|names)"
)
VERSION = 2  # increase it when the same images give other shards than before
SUFFIXES = {"JPEG": "jpg", "MPO": "jpg", "TIFF": "tif", "JPEG2000": "jp2", "HEIF": "heic"}
PNG_MODES = ("1", "L", "LA", "P", "I", "I;16", "RGB", "RGBA")


class PackResult(NamedTuple):
    """How many shards, images and bytes lie in the folder."""

    shards: int
    images: int
    bytes: int


def pack(
    collection: ImageCollection, out: Path, limit: ShardLimit, to_pixels: ToPixels | None, skip_bad: bool
) -> PackResult:
    """Writes images to shards: the unchanged bytes of their files, or PNG if they are resized.

    An interrupted pack continues, with the same bytes as without interruption. Memory holds a few images.
    `skip_bad` leaves out unreadable images and says on standard error how many.
    """
    recipe = _recipe(collection, limit, to_pixels)
    with wrap_write_errors(out, "make room and pack again, which continues."):
        _require_our_folder(out, recipe)
        make_folder(out)
        for part in out.glob("*.part"):
            part.unlink()
        write_atomic(out / RECIPE_NAME, recipe)
        done = list_shards(out)
        start = last_sample_number(done[-1]) + 1 if done else 0
        unreadable: list[Unreadable] = []
        if start < collection.n and not (out / INDEX_NAME).exists():
            indices = range(start, collection.n) if start else None
            encode = PageCounter(partial(_encode, to_pixels))
            with closing(decode_images(collection, encode, indices, progress_label="packing")) as outcomes:
                samples = _samples(outcomes, start, collection, skip_bad, unreadable)
                write_shards(samples, out, len(done), limit)
            done = list_shards(out)
            report_left_out(collection.source, collection.left_out, encode.n)
        if not done:
            report_unreadable(collection.source, len(unreadable), unreadable, skip_bad=True)
        if not (out / INDEX_NAME).exists():
            class_names = collection.labels.names if collection.labels else None
            write_index(
                [replace(shard, version="") for shard in find_shards(str(out))], out, class_names or ()
            )
        images = sum(shard[3] for shard in json.loads((out / INDEX_NAME).read_bytes())["shards"])
    report_unreadable(collection.source, images + len(unreadable), unreadable, skip_bad=True)
    return PackResult(len(done), images, sum(path.stat().st_size for path in done))


def _recipe(collection: ImageCollection, limit: ShardLimit, to_pixels: ToPixels | None) -> bytes:
    made_of = f"{VERSION}; {collection.fingerprint()}; {limit}; {to_pixels}; Pillow {PIL.__version__}"
    return json.dumps({"made_of": hashlib.sha256(made_of.encode(errors="replace")).hexdigest()}).encode()


def _encode(to_pixels: ToPixels | None, image: Image.Image) -> tuple[str, bytes]:
    """The suffix and the bytes of an opened image: those of its file if it can be decoded."""
    if to_pixels is not None:
        x = to_pixels(image)
        return "png", _encoded(Image.fromarray(x[0] if len(x) == 1 else x.transpose(1, 2, 0)))
    file = getattr(image, "fp", None)
    if file is None or image.format is None:  # from an array, not a file
        return ("png", _encoded(image)) if image.mode in PNG_MODES else ("tif", _encoded(image, "TIFF"))
    position = file.tell()
    file.seek(0)
    content: bytes = file.read()
    file.seek(position)
    image.load()  # raises an error if it is damaged
    return SUFFIXES.get(image.format, image.format.lower()), content


def _encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def _samples(
    outcomes: Iterator[tuple[str, tuple[str, bytes] | Unreadable]],
    start: int,
    collection: ImageCollection,
    skip_bad: bool,
    unreadable: list[Unreadable],
) -> Iterator[Sample]:
    """The readable images; the others are appended to `unreadable`, or raise an error."""
    for number, (name, outcome) in enumerate(outcomes, start):
        if not isinstance(outcome, Unreadable):
            label = None if collection.labels is None else int(collection.labels.numbers[number])
            file_name = collection.file_names[number] if collection.file_names else name
            yield Sample(number, *outcome, label, file_name if collection.has_file_names else None)
        elif skip_bad:
            unreadable.append(outcome)
        else:
            where = shown(collection.source)
            raise InfoganError(
                f"{outcome} in {where} cannot be read; repair it, or set skip_bad to leave it out."
            )


def _require_our_folder(out: Path, recipe: bytes) -> None:
    """The folder is new, empty, or of a pack with the same recipe."""
    if not out.exists():
        return
    if not out.is_dir():
        raise InfoganError(f"{out} is a file; choose a folder for the shards.")
    names = sorted(path.name for path in out.iterdir())
    foreign = [name for name in names if not OUR_FILES.fullmatch(name)]
    if foreign or (names and RECIPE_NAME not in names):
        first = shown((foreign or names)[0])
        raise InfoganError(f"{out} contains {first}, which no pack wrote; choose a new folder.")
    if names and (out / RECIPE_NAME).read_bytes() != recipe:
        raise InfoganError(
            f"{out} contains shards of other images or sizes; choose a new folder, or delete it."
        )
