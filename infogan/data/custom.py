"""Your own images: folder:PATH, npz:FILE, parquet:PATH, hf:NAME, shards:PATH, or a path without a prefix."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, final, get_args

import torch
from PIL import Image

from infogan.config import BYTES
from infogan.data.formats.collection import Decode, ImageCollection, LazyImage, read_images
from infogan.data.formats.folder import find_image_files
from infogan.data.formats.huggingface import absolute_path, open_huggingface, split_name
from infogan.data.formats.numpy_images import load_numpy
from infogan.data.formats.parquet import open_parquet
from infogan.data.images import Images, InMemoryPixels, as_pixels
from infogan.data.loading.resized_cache import load_resized
from infogan.data.options import LoadOptions
from infogan.data.pixels import PICTURE_CHANNELS, ToPixels, find_scale
from infogan.data.shards.files import SUFFIXES, is_url
from infogan.data.shards.images import load_shards
from infogan.data.shards.reader import open_shards
from infogan.data.summary import SourceSummary, summarise
from infogan.utils.errors import InfoganError, shown

Format = Literal["folder", "npz", "parquet", "hf", "shards"]
FORMAT_BY_PREFIX: dict[str, Format] = {**{name: name for name in get_args(Format)}, "wds": "shards"}
FORMAT_BY_SUFFIX: dict[str, Format] = {
    **{".npy": "npz", ".npz": "npz", ".parquet": "parquet"},
    **dict.fromkeys(SUFFIXES, "shards"),
}
MAX_UNCACHED = 100  # images; smaller collections are decoded on every load
BLOCK = 256  # images of an array that are converted at a time


@final
@dataclass(frozen=True)
class CustomSource:
    """Where your images are, and in which format."""

    format: Format
    location: str  # a path, a URL of shards, or NAME[:SPLIT] of the Hugging Face hub

    @property
    def absolute_name(self) -> str:
        """The name of the source with an absolute path."""
        if self.format == "hf":
            name, split = split_name(self.location)
            return f"hf:{absolute_path(name) or name}" + (f":{split}" if split else "")
        if self.format == "shards" and is_url(self.location):
            return f"shards:{self.location}"
        return f"{self.format}:{Path(self.location).resolve()}"

    def load(self, split: str, load_options: LoadOptions) -> Images:
        """Loads the images, resized to `load_options.shape` if that is set; resized images are cached."""
        shape = load_options.shape
        if shape and shape[0] not in PICTURE_CHANNELS and self.format != "npz":
            raise InfoganError(
                f"images: {shown(self.location)} holds pictures, gray or RGB, but the model's images have "
                f"{shape[0]} channels; such images are read from .npy and .npz."
            )
        if self.format == "shards":
            return load_shards(self.location, load_options)
        if self.format == "npz":
            images = load_numpy(self._existing_path(), load_options.pixel_scale)
            return images if shape in (None, images.shape) else self._resize_npz(images, load_options)
        return _resize(self.open_collection(load_options, split), load_options)

    def summarise(self, load_options: LoadOptions) -> SourceSummary:
        """How many images there are, their channels and their size, without loading them all."""
        if self.format == "npz":
            images = load_numpy(self._existing_path(), quiet=True)
            ch, h, w = images.shape
            if ch not in PICTURE_CHANNELS:
                return SourceSummary(len(images), ch, w, h)
            return summarise(self._npz_collection(images))
        return summarise(self.open_collection(load_options))

    def open_collection(self, load_options: LoadOptions, split: str = "") -> ImageCollection:
        """The images as a collection that is decoded on demand; `split` is for the Hugging Face hub."""
        match self.format:
            case "hf":
                return open_huggingface(self.location, split)
            case "shards":
                shards = open_shards(self.location)
                shards.report_without_image(load_options.skip_bad)
                return shards.collection
            case "npz":
                images = load_numpy(self._existing_path(), quiet=True)
                if images.shape[0] not in PICTURE_CHANNELS:
                    raise InfoganError(
                        f"images: {shown(self.location)} holds images of {images.shape[0]} channels, but "
                        "shards hold pictures, gray or RGB; train on the file itself."
                    )
                return self._npz_collection(images)
            case "parquet":
                return open_parquet(self._existing_path())
            case "folder":
                files = find_image_files(self._existing_path())
                return (files.with_pages() if load_options.pages else files).collection()

    def _existing_path(self) -> Path:
        path = Path(self.location)
        if not self.location or not path.exists():
            raise InfoganError(f"images: there is no {shown(str(path))}.")
        return path

    def _resize_npz(self, images: Images, load_options: LoadOptions) -> Images:
        """Images of an array in another shape; each channel by itself unless they are gray or RGB, as Pillow
        has no other images."""
        shape, (ch, h, w) = load_options.shape, images.shape
        assert shape is not None
        load_options = replace(load_options, pixel_scale=BYTES)
        if ch in PICTURE_CHANNELS and shape[0] in PICTURE_CHANNELS:
            resized = _resize(self._npz_collection(images), load_options)
            return replace(images, pixels=resized.pixels)
        if ch != shape[0]:
            raise InfoganError(
                f"images: {shown(self.location)} holds images of {ch} channels, but the model's have "
                f"{shape[0]}; give it images of so many."
            )
        planes = Images.from_arrays(images.x.reshape(-1, 1, h, w))
        resized = _resize(self._npz_collection(planes), replace(load_options, shape=(1, *shape[1:])))
        assert isinstance(resized.pixels, InMemoryPixels)
        return replace(images, pixels=InMemoryPixels(resized.pixels.x.reshape(-1, *shape)))

    def _npz_collection(self, images: Images) -> ImageCollection:
        path = Path(self.location)
        version = f"{path.stat().st_size} {path.stat().st_mtime_ns} {images.pixel_scale}"
        return collection_from_images(images, str(path), str(path.resolve()), version)


def parse_custom_name(name: str) -> CustomSource | None:
    """The source that a name stands for; None if it has no known prefix and is no path."""
    prefix, _, location = name.partition(":")
    if prefix in FORMAT_BY_PREFIX:
        return CustomSource(FORMAT_BY_PREFIX[prefix], location)
    if not Path(name).exists():
        return None
    formats = (found for suffix, found in FORMAT_BY_SUFFIX.items() if name.lower().endswith(suffix))
    return CustomSource(next(formats, "folder"), name)


def _resize(collection: ImageCollection, load_options: LoadOptions) -> Images:
    """The images of a collection in the shape that is asked for, if one is."""
    scale = find_scale(collection, load_options.pixel_scale)
    to_pixels = ToPixels(load_options.shape, load_options.square, scale)
    read = _read if load_options.shape is None or collection.n <= MAX_UNCACHED else load_resized
    return replace(read(collection, to_pixels, load_options.skip_bad), pixel_scale=scale)


def _read(collection: ImageCollection, decode: Decode, skip_bad: bool) -> Images:
    read = read_images(collection, decode, skip_bad)
    labels = collection.labels and collection.labels.drop(read.unreadable)
    names = read.names if collection.has_file_names else None
    return Images(as_pixels(read.x), labels, names, left_out=read.left_out)


def collection_from_images(images: Images, where: str, key: str, version: str) -> ImageCollection:
    """Images of an array as a collection.

    Args:
        where: the source, as messages call it.
        key: the source, as nothing else on this machine is called.
        version: changes if the images change.
    """

    @contextmanager
    def items(index: Sequence[int] | None) -> Iterator[Iterator[LazyImage]]:
        chosen = range(len(images)) if index is None else index
        blocks = (chosen[i : i + BLOCK] for i in range(0, len(chosen), BLOCK))
        pairs = (zip(block, _to_pillow(images, block), strict=True) for block in blocks)
        yield (LazyImage(f"image {i}", picture.copy) for block in pairs for i, picture in block)

    return ImageCollection(
        where, key, len(images), items, lambda: f"{key}: {version}", images.labels, has_file_names=False
    )


def _to_pillow(images: Images, index: Sequence[int]) -> list[Image.Image]:
    x: Any = images.pixels.take(torch.tensor(index)).numpy()
    return [Image.fromarray(x_i[0] if len(x_i) == 1 else x_i.transpose(1, 2, 0).copy()) for x_i in x]
