"""SVHN, house numbers cut to 32x32, from the .mat files as published (Netzer et al. 2011)."""

from pathlib import Path

import numpy as np

from infogan.data.formats.mat import read_mat
from infogan.data.images import Images
from infogan.data.source import DatasetInfo, LoadOptions
from infogan.utils.errors import InfoganError

# The 10,000 are the first of the test split; they serve where the training split is not there.
FILES = {
    "train": ("svhn/train_32x32.mat", "svhn/test_10k_32x32.mat"),
    "extra": ("svhn/extra_32x32.mat",),
    "test": ("svhn/test_32x32.mat",),
}


def load_svhn(load_options: LoadOptions, split: str) -> Images:
    """The images of a split, with the digit in the middle as label.

    Raises:
        InfoganError: where its file is missing or no SVHN file.
    """
    return read_svhn(load_options.find(f"SVHN ({split})", FILES[split]))


def read_svhn(path: Path) -> Images:
    """A .mat with `X` (32, 32, 3, n) and `y` (n, 1), where 10 stands for the digit 0.

    Raises:
        InfoganError: for a file that cannot be read, is of MATLAB's version 7.3, or holds something else.
    """
    content = read_mat(path, ("X", "y"))
    X, y = content.get("X"), content.get("y")
    if X is None or y is None:
        raise InfoganError(f"{path} holds no X and y; an SVHN file holds both.")
    if (
        X.dtype != np.uint8
        or X.ndim != 4
        or X.shape[:3] != (32, 32, 3)
        or y.size != X.shape[3]
        or y.dtype.kind not in "iuf"
    ):
        raise InfoganError(
            f"{path} holds X {X.dtype} {X.shape} and y {y.shape}; SVHN has uint8 (32, 32, 3, n) and (n, 1)."
        )
    if not y.size:
        raise InfoganError(f"{path} holds no image; SVHN files hold thousands.")
    if y.min() < 1 or y.max() > 10:
        raise InfoganError(f"{path} holds labels from {y.min()} to {y.max()}; SVHN's are 1 to 10.")
    return Images.stored(np.ascontiguousarray(X.transpose(3, 2, 0, 1)), y.ravel().astype(np.int64) % 10)


SVHN = DatasetInfo(
    name="svhn",
    about="Street View House Numbers, cropped digits in colour, 32x32",
    licence="non-commercial use only",
    shape=(3, 32, 32),
    splits={"train": 73_257, "extra": 531_131, "test": 26_032},
    load=load_svhn,
    has=lambda load_options, split: load_options.look(FILES[split]) is not None,
    labels="digit",
    files=("svhn/train_32x32.mat", "svhn/test_32x32.mat", "svhn/extra_32x32.mat"),
)
