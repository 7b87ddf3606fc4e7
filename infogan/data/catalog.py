"""From a name to images: a data set, npz:FILE, folder:PATH, or the path itself."""

from pathlib import Path

from infogan.data.celeba import CELEBA
from infogan.data.chairs3d import CHAIRS3D
from infogan.data.digits import DIGITS
from infogan.data.faces3d import FACES3D
from infogan.data.factored import DSPRITES, MPI3D, SHAPES3D
from infogan.data.files import load_numpy, load_pictures
from infogan.data.images import Images
from infogan.data.mnist import FASHION, MNIST
from infogan.data.modelnet import MODELNET_CHAIRS
from infogan.data.rendered_chairs import RENDERED_CHAIRS
from infogan.data.source import Reading, Source
from infogan.data.sprites import SPRITES
from infogan.data.svhn import SVHN
from infogan.errors import InfoganError, did_you_mean

SOURCES: dict[str, Source] = {
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

HERE = Reading()


def load(name: str, split: str = "", reading: Reading = HERE) -> Images:
    """The images of that name; `NAME:SPLIT`, such as mnist:test, chooses a split itself.

    Args:
        split: the first of the data set's where none is named; files of one's own have none.
        reading: where data sets lie, and what to do about pictures that are broken.

    Raises:
        InfoganError: where nothing has that name, or what has it cannot be read.
    """
    kind, _, rest = name.partition(":")
    if kind in SOURCES:
        source = SOURCES[kind]
        chosen = rest or split or next(iter(source.splits))
        if chosen not in source.splits:
            raise InfoganError(
                f"images: {kind} has no split {chosen!r}; " + did_you_mean(chosen, source.splits)
            )
        return source.load(reading, chosen)
    path = Path(rest if kind in ("npz", "folder") else name)
    if not path.exists():
        if kind in ("npz", "folder"):
            raise InfoganError(f"images: there is no {path}.")
        raise InfoganError(
            f"images: {name!r} is neither a data set nor a file; " + did_you_mean(name, SOURCES)
        )
    return load_numpy(path) if path.suffix in (".npy", ".npz") else load_pictures(path, reading.skip_bad)


def find_source(name: str) -> Source:
    """What is known of the data set of that name.

    Raises:
        InfoganError: where there is none.
    """
    if name not in SOURCES:
        raise InfoganError(f"unknown data set {name!r}; " + did_you_mean(name, SOURCES))
    return SOURCES[name]


def splits_of(name: str, reading: Reading = HERE) -> tuple[str, ...]:
    """The splits that are here, train and test, or the first where none is; "" for a whole name."""
    source = SOURCES.get(name)
    if source is None:
        return ("",)
    here = tuple(s for s in source.splits if s in ("train", "test") and source.has(reading, s))
    return here or (next(iter(source.splits)),)  # loading that one says what is missing
