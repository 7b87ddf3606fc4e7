"""Images by name: a data set such as `mnist:test`, or your own images such as `folder:photos`."""

import os
from pathlib import Path, PurePosixPath

from infogan.data.custom import CustomSource, collection_from_images, parse_custom_name
from infogan.data.datasets.cars3d import CARS3D
from infogan.data.datasets.celeba import CELEBA
from infogan.data.datasets.digits import DIGITS
from infogan.data.datasets.factored import DSPRITES, MPI3D, SHAPES3D
from infogan.data.datasets.mnist import FASHION, MNIST
from infogan.data.datasets.modelnet import MODELNET_CHAIRS
from infogan.data.datasets.rendered_chairs import RENDERED_CHAIRS
from infogan.data.datasets.smallnorb import SMALLNORB
from infogan.data.datasets.svhn import SVHN
from infogan.data.formats.collection import ImageCollection
from infogan.data.images import Images
from infogan.data.options import DEFAULT_OPTIONS, DatasetInfo, LoadOptions
from infogan.data.summary import SourceSummary
from infogan.data.synthetic.chairs3d import CHAIRS3D
from infogan.data.synthetic.faces3d import FACES3D
from infogan.data.synthetic.rooms3d import ROOMS3D
from infogan.data.synthetic.sprites import SPRITES
from infogan.utils.errors import InfoganError, did_you_mean

DATASETS: dict[str, DatasetInfo] = {
    dataset.name: dataset
    for dataset in (
        *(MNIST, FASHION, DIGITS, SVHN, CELEBA, FACES3D, CHAIRS3D),
        *(MODELNET_CHAIRS, RENDERED_CHAIRS, SPRITES, ROOMS3D),
        *(DSPRITES, SHAPES3D, MPI3D, CARS3D, SMALLNORB),
    )
}


def load(name: str, split: str = "", load_options: LoadOptions = DEFAULT_OPTIONS) -> Images:
    """Loads a data set or your own images by name.

    Args:
        name: a data set, `mnist` or `mnist:test`, or your images, `folder:photos`, `npz:a.npz` or a path.
        split: used if the name has no split; "" for the data set's first. Your files have no splits.
        load_options: with `reduce`, images of a data set are brought to a smaller `shape`; yours to any.
    """
    found = _find_dataset(name, split)
    if found is None:
        return _find_custom(name).load(split, load_options)
    dataset, split = found
    images = dataset.load(load_options, split)
    shape = load_options.shape if load_options.reduce else None
    return images.reduced(shape) if shape else images


def inspect_source(name: str, load_options: LoadOptions = DEFAULT_OPTIONS) -> SourceSummary:
    """How many images a name stands for, their channels and their size, without loading them all."""
    found = _find_dataset(name)
    if found is None:
        return _find_custom(name).summarise(load_options)
    dataset, split = found
    ch, h, w = dataset.shape
    return SourceSummary(dataset.splits[split], ch, w, h, dataset.shape)


def open_collection(name: str, load_options: LoadOptions = DEFAULT_OPTIONS) -> ImageCollection:
    """The images that a name stands for, with labels, as a collection that is decoded on demand."""
    found = _find_dataset(name)
    if found is None:
        return _find_custom(name).open_collection(load_options)
    dataset, split = found
    images, key = dataset.load(load_options, split), f"{dataset.name}:{split}"
    return collection_from_images(images, where=name, key=key, version=str(dataset.splits[split]))


def is_image_source(name: str) -> bool:
    """Whether a name is that of a data set, has the prefix of your own images, or is an existing path."""
    return name.partition(":")[0] in DATASETS or parse_custom_name(name) is not None


def absolute_name(name: str) -> str:
    """The same source with an absolute path, which is valid in any working directory."""
    return name if name.partition(":")[0] in DATASETS else _find_custom(name).absolute_name


def public_name(name: str) -> str:
    """The same source without the folders above it, for publication: `folder:photos`."""
    prefix, colon, rest = name.partition(":")
    if prefix in DATASETS or prefix == "hf":
        return name
    return f"{prefix}:{Path(rest).name}" if colon else Path(name).name


def short_name(name: str) -> str:
    """The last part of a source's name, without the ending of a file; for the names of runs and figures.

    `photos-v1.1` for `folder:photos-v1.1`, and the name of the working folder for `folder:.`
    """
    own = None if name.partition(":")[0] in DATASETS else parse_custom_name(name)
    if own is None or own.format == "hf":
        return PurePosixPath(own.location if own else name).name.replace(":", "-")
    path = Path(os.path.abspath(own.location))
    return path.name if path.is_dir() else Path(path.name.removesuffix(".tar.gz")).stem


def get_dataset_info(name: str) -> DatasetInfo:
    """The description of a data set."""
    if name not in DATASETS:
        raise InfoganError(f"unknown data set {name!r}; " + did_you_mean(name, DATASETS))
    return DATASETS[name]


def available_splits(name: str, load_options: LoadOptions = DEFAULT_OPTIONS) -> tuple[str, ...]:
    """The splits train and test of a data set, if available, or else its first split.

    ("",) for a name that already has a split, and for your own images.
    """
    dataset = DATASETS.get(name)
    if dataset is None:
        return ("",)
    splits = [split for split in ("train", "test") if split in dataset.splits]
    found = tuple(split for split in splits if dataset.is_available(load_options, split))
    return found or (next(iter(dataset.splits)),)  # whose loading says what is missing


def _find_dataset(name: str, split: str = "") -> tuple[DatasetInfo, str] | None:
    """The data set and the split that a name stands for; None if it is not the name of a data set."""
    prefix, _, split_in_name = name.partition(":")
    if prefix not in DATASETS:
        return None
    dataset = DATASETS[prefix]
    chosen = split_in_name or split or next(iter(dataset.splits))
    if chosen not in dataset.splits:
        hint = did_you_mean(chosen, dataset.splits)
        raise InfoganError(f"images: {prefix} has no split {chosen!r}; {hint}")
    return dataset, chosen


def _find_custom(name: str) -> CustomSource:
    found = parse_custom_name(name)
    if found is None:
        hint = did_you_mean(name, DATASETS)
        raise InfoganError(f"images: {name!r} is neither a data set nor a file; {hint}")
    return found
