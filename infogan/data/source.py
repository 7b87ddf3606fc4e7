"""From a name to images: mnist, digits, npz:FILE, folder:PATH, or the path itself."""

from pathlib import Path
from typing import get_args

import numpy as np

from infogan.data.files import load_numpy, load_pictures
from infogan.data.images import Images
from infogan.data.mnist import Split, load_mnist
from infogan.errors import InfoganError, did_you_mean

NAMES = ("mnist", "digits")


def load(name: str, split: Split = "train", root: Path | None = None) -> Images:
    """The images of that name; `NAME:train` and `NAME:test` choose a split themselves.

    Args:
        split: files of one's own have none, and are whole in either.
        root: the folder of MNIST's files; see `load_mnist`.

    Raises:
        InfoganError: where nothing has that name, or what has it cannot be read.
    """
    kind, _, rest = name.partition(":")
    if kind in NAMES:
        if rest not in ("", *get_args(Split)):
            raise InfoganError(
                f"images: {kind} has no split {rest!r}; " + did_you_mean(rest, get_args(Split))
            )
        chosen: Split = "test" if (rest or split) == "test" else "train"
        return load_mnist(root, chosen) if kind == "mnist" else load_digits(chosen)
    path = Path(rest if kind in ("npz", "folder") else name)
    if not path.exists():
        if kind in ("npz", "folder"):
            raise InfoganError(f"images: there is no {path}.")
        raise InfoganError(f"images: {name!r} is neither a data set nor a file; " + did_you_mean(name, NAMES))
    return load_numpy(path) if path.suffix in (".npy", ".npz") else load_pictures(path)


def has_test_split(name: str) -> bool:
    """Whether these images come with a test split."""
    return name in NAMES


def load_digits(split: Split) -> Images:
    """1,437 (train) or 360 (test, the last) digits of 8x8 pixels from scikit-learn, with labels."""
    from sklearn.datasets import load_digits as load_from_sklearn

    digits = load_from_sklearn()
    part = slice(1437, None) if split == "test" else slice(1437)
    x = np.rint(digits.images[part] * (255 / 16)).astype(np.uint8)
    return Images(x[:, None], digits.target[part].astype(np.int64))
