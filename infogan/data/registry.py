"""From a name to images: a data set, or images of one's own."""

from pathlib import Path

from infogan.data.custom import (
    Kind,
    SourceSummary,
    as_collection,
    find_collection,
    kind_of,
    load_own,
    probe_own,
    whole,
)
from infogan.data.datasets.celeba import CELEBA
from infogan.data.datasets.digits import DIGITS
from infogan.data.datasets.factored import DSPRITES, MPI3D, SHAPES3D
from infogan.data.datasets.mnist import FASHION, MNIST
from infogan.data.datasets.modelnet import MODELNET_CHAIRS
from infogan.data.datasets.rendered_chairs import RENDERED_CHAIRS
from infogan.data.datasets.svhn import SVHN
from infogan.data.formats.collection import ImageCollection
from infogan.data.images import Images
from infogan.data.source import DatasetInfo, LoadOptions
from infogan.data.synthetic.chairs3d import CHAIRS3D
from infogan.data.synthetic.faces3d import FACES3D
from infogan.data.synthetic.sprites import SPRITES
from infogan.utils.errors import InfoganError, did_you_mean

DATASETS: dict[str, DatasetInfo] = {
    source.name: source
    for source in (
        MNIST,
        FASHION,
        DIGITS,
        SVHN,
        CELEBA,
        FACES3D,
        CHAIRS3D,
        MODELNET_CHAIRS,
        RENDERED_CHAIRS,
        SPRITES,
        DSPRITES,
        SHAPES3D,
        MPI3D,
    )
}

DEFAULT_OPTIONS = LoadOptions()


def load(name: str, split: str = "", load_options: LoadOptions = DEFAULT_OPTIONS) -> Images:
    """The images of that name; `NAME:SPLIT`, such as mnist:test, chooses a split itself.

    Args:
        split: the first of the data set's where none is named; files of one's own have none.
        reading: where data sets lie, what to do about pictures that are broken, and what shape images of
            one's own are brought to.

    Raises:
        InfoganError: where nothing has that name, or what has it cannot be read.
    """
    chosen = _split_of(name, split)
    if chosen is not None:
        source, split = chosen
        return source.load(load_options, split)
    return load_own(*_own(name), split, load_options)


def inspect_source(name: str, load_options: LoadOptions = DEFAULT_OPTIONS) -> SourceSummary:
    """How many images have that name, whether in colour and how large, without loading them all.

    Raises:
        InfoganError: where nothing has that name, or what has it cannot be read.
    """
    chosen = _split_of(name, "")
    if chosen is None:
        return probe_own(*_own(name), load_options)
    source, split = chosen
    ch, h, w = source.shape
    return SourceSummary(source.splits[split], 1 if ch == 1 else 3, min(h, w), source.shape)


def open_collection(name: str, load_options: LoadOptions = DEFAULT_OPTIONS) -> ImageCollection:
    """The images of that name as pictures that are not decoded yet, with their labels.

    Raises:
        InfoganError: where nothing has that name, or what has it cannot be read.
    """
    chosen = _split_of(name, "")
    if chosen is None:
        return find_collection(*_own(name))
    source, split = chosen
    return as_collection(
        source.load(load_options, split), name, f"{source.name}:{split}", str(source.splits[split])
    )


def is_image_source(name: str) -> bool:
    """Whether a name is of a data set, or in the form of images of one's own, or a path that is there."""
    return name.partition(":")[0] in DATASETS or kind_of(name) is not None


def absolute_name(name: str) -> str:
    """The same images by a name that serves in any folder: paths are made absolute."""
    return name if name.partition(":")[0] in DATASETS else whole(*_own(name))


def public_name(images: str) -> str:
    """The same source as it may be told to others, without the folders above one's own: folder:photos."""
    kind, colon, rest = images.partition(":")
    if kind in DATASETS or kind == "hf":
        return images
    return f"{kind}:{Path(rest).name}" if colon else Path(images).name


def _split_of(name: str, split: str) -> tuple[DatasetInfo, str] | None:
    """The data set of a name and the split of it; None for images of one's own."""
    kind, _, rest = name.partition(":")
    if kind not in DATASETS:
        return None
    source = DATASETS[kind]
    chosen = rest or split or next(iter(source.splits))
    if chosen not in source.splits:
        raise InfoganError(f"images: {kind} has no split {chosen!r}; " + did_you_mean(chosen, source.splits))
    return source, chosen


def _own(name: str) -> tuple[Kind, str]:
    found = kind_of(name)
    if found is None:
        raise InfoganError(
            f"images: {name!r} is neither a data set nor a file; " + did_you_mean(name, DATASETS)
        )
    return found


def get_dataset_info(name: str) -> DatasetInfo:
    """What is known of the data set of that name.

    Raises:
        InfoganError: where there is none.
    """
    if name not in DATASETS:
        raise InfoganError(f"unknown data set {name!r}; " + did_you_mean(name, DATASETS))
    return DATASETS[name]


def splits_of(name: str, load_options: LoadOptions = DEFAULT_OPTIONS) -> tuple[str, ...]:
    """The splits that are here, train and test, or the first where none is; "" for a whole name."""
    source = DATASETS.get(name)
    if source is None:
        return ("",)
    here = tuple(s for s in source.splits if s in ("train", "test") and source.has(load_options, s))
    return here or (next(iter(source.splits)),)  # loading that one says what is missing
