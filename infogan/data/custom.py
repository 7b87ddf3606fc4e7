"""Images of one's own: folder:PATH, npz:FILE, parquet:PATH, hf:NAME, shards:PATH, or a path by itself."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Literal, final

import numpy as np
import torch
from PIL import Image

from infogan.config import Shape
from infogan.data.formats.collection import Decode, ImageCollection, LazyImage, decode_images, read_images
from infogan.data.formats.folder import find_image_files
from infogan.data.formats.huggingface import open_huggingface, split_name
from infogan.data.formats.numpy_images import load_numpy
from infogan.data.formats.parquet import open_parquet
from infogan.data.formats.resize import GRAY_MODES, Resize, estimate_bit_depth, pil_to_array
from infogan.data.formats.unreadable import Unreadable, report_unreadable
from infogan.data.images import Images
from infogan.data.loading.resized_cache import load_resized
from infogan.data.shards.files import is_url
from infogan.data.shards.images import load_shards
from infogan.data.shards.reader import open_shards
from infogan.data.source import LoadOptions
from infogan.utils.errors import InfoganError, shown

Kind = Literal["folder", "npz", "parquet", "hf", "shards"]
KINDS: dict[str, Kind] = {
    "folder": "folder",
    "npz": "npz",
    "parquet": "parquet",
    "hf": "hf",
    "shards": "shards",
    "wds": "shards",
}
BY_SUFFIX: dict[str, Kind] = {".npy": "npz", ".npz": "npz", ".parquet": "parquet", ".tar": "shards"}
FEW = 100  # pictures that are read each time rather than kept
TAKEN = 256  # images of an array that are pictures at a time
LOOKED_AT = 200  # pictures that stand for a pile
AS_GOOD_AS_GRAY = 4  # levels between channels, which a JPEG of a gray picture may show
ENOUGH = 2**29  # pixels that are looked at before heads must do; larger piles of large pictures take minutes


@final
@dataclass(frozen=True)
class SourceSummary:
    """What is known of images before they are loaded."""

    n: int  # with those that turn out to be broken
    channels: Literal[1, 3]
    side: int  # the median of their shorter sides, in pixels
    shape: Shape | None = None  # the only one that they come in; None where they are brought to any


def kind_of(name: str) -> tuple[Kind, str] | None:
    """The kind of a name and what it names, or None where it is no kind's and no path."""
    kind, _, what = name.partition(":")
    if kind in KINDS:
        return KINDS[kind], what
    if not Path(name).exists():
        return None
    return BY_SUFFIX.get(Path(name).suffix.lower(), "folder"), name


def whole(kind: Kind, what: str) -> str:
    """The same images by a name that serves in any folder."""
    if kind == "hf":
        name, split = split_name(what)
        found = str(Path(name).resolve()) if Path(name).exists() else name
        return f"hf:{found}" + (f":{split}" if split else "")
    if kind == "shards" and is_url(what):
        return f"shards:{what}"
    return f"{kind}:{Path(what).resolve()}"


def load_own(kind: Kind, what: str, split: str, load_options: LoadOptions) -> Images:
    """The images: as they are, or in the shape of the reading, from the cache once they are there.

    Raises:
        InfoganError: where there are none, or they cannot be read.
    """
    if kind == "npz":
        images = load_numpy(_existing(what))
        if load_options.shape in (None, images.shape):
            return images
        shaped = _shaped(_pile_of_file(Path(what), images), load_options.shape, load_options)
        return replace(images, pixels=shaped.pixels)
    if kind == "shards":
        return load_shards(what, load_options)
    collection = find_collection(kind, what, split)
    if load_options.shape is not None:
        return _shaped(collection, load_options.shape, load_options)
    return _in_memory(collection, pil_to_array, load_options.skip_bad)


def _shaped(collection: ImageCollection, shape: Shape, load_options: LoadOptions) -> Images:
    if collection.n > FEW:
        return load_resized(collection, shape, load_options.square, load_options.skip_bad)
    return _in_memory(
        collection, Resize(shape, load_options.square, estimate_bit_depth(collection)), load_options.skip_bad
    )


def _in_memory(collection: ImageCollection, decode: Decode, skip_bad: bool) -> Images:
    x, names, bad = read_images(collection, decode, skip_bad)
    labels = None if collection.labels is None else np.delete(collection.labels, bad)
    return Images.stored(x, labels, names if collection.has_file_names else None)


def probe_own(kind: Kind, what: str, load_options: LoadOptions) -> SourceSummary:
    """How many images there are, whether in colour and how large, by 200 of them from all over the pile.

    Raises:
        InfoganError: where there are none, or of those that were looked at none can be read.
    """
    collection = find_collection(kind, what)
    looker = _Looker()
    with closing(decode_images(collection, looker, collection.spread_indices(LOOKED_AT))) as outcomes:
        seen = [outcome for _, outcome in outcomes]
    good = [outcome for outcome in seen if not isinstance(outcome, Unreadable)]
    if not good:
        bad = [outcome for outcome in seen if isinstance(outcome, Unreadable)]
        report_unreadable(collection.source, len(bad), bad, skip_bad=True)
    return SourceSummary(
        n=collection.n,
        channels=1 if all(gray for gray, _ in good) else 3,
        side=round(median(side for _, side in good)),
    )


@final
class _Looker:
    """Whether a picture is gray, and its shorter side."""

    def __init__(self) -> None:
        self.pixels = 0  # decoded so far; threads may miss a few of each other's

    def __call__(self, picture: Image.Image) -> tuple[bool, int]:
        side = min(picture.size)
        if picture.mode in GRAY_MODES or picture.mode in ("I", "F"):
            return True, side
        if picture.mode == "P" or self.pixels < ENOUGH:
            self.pixels += picture.width * picture.height
            picture.thumbnail((128, 128))
            rgb = np.asarray(picture.convert("RGB")).astype(int)
            return bool((np.ptp(rgb, axis=2) <= AS_GOOD_AS_GRAY).all()), side
        return False, side


def _existing(what: str) -> Path:
    path = Path(what)
    if not what or not path.exists():
        raise InfoganError(f"images: there is no {shown(str(path))}.")
    return path


def find_collection(kind: Kind, what: str, split: str = "") -> ImageCollection:
    """The same images, none of them decoded yet.

    Raises:
        InfoganError: where there are none, or they cannot be read.
    """
    match kind:
        case "hf":
            return open_huggingface(what, split)
        case "shards":
            return open_shards(what).collection
        case "npz":
            return _pile_of_file(Path(what), load_numpy(_existing(what)))
        case "parquet":
            return open_parquet(_existing(what))
        case "folder":
            return find_image_files(_existing(what)).collection()


def _pile_of_file(path: Path, images: Images) -> ImageCollection:
    state = path.stat()
    return as_collection(images, str(path), str(path.resolve()), f"{state.st_size} {state.st_mtime_ns}")


def as_collection(images: Images, where: str, key: str, state: str) -> ImageCollection:
    """Images that are arrays, as a pile of pictures."""

    @contextmanager
    def items(index: Sequence[int] | None) -> Iterator[Iterator[LazyImage]]:
        chosen = range(len(images)) if index is None else index
        some = (chosen[i : i + TAKEN] for i in range(0, len(chosen), TAKEN))
        taken = (zip(part, _pictures(images, part), strict=True) for part in some)
        yield (LazyImage(f"image {i}", picture.copy) for part in taken for i, picture in part)

    return ImageCollection(
        source=where,
        key=key,
        n=len(images),
        items=items,
        fingerprint=lambda: f"{key}: {state}",
        labels=images.labels,
        has_file_names=False,
    )


def _pictures(images: Images, index: Sequence[int]) -> list[Image.Image]:
    x: Any = images.pixels.take(torch.tensor(index)).numpy()
    return [
        Image.fromarray(x_i[0] if len(x_i) == 1 else np.ascontiguousarray(x_i.transpose(1, 2, 0)))
        for x_i in x
    ]
