"""SVHN: house numbers cropped to 32x32, from the published .mat files (Netzer et al. 2011)."""

from pathlib import Path

import numpy as np

from infogan.data.formats.mat import read_mat
from infogan.data.images import Images
from infogan.data.labels import Labels
from infogan.data.options import DatasetInfo
from infogan.utils.errors import InfoganError

# The second file is the first 10,000 images of the test split, which stand in for a missing training split.
FILES = {
    "train": ("svhn/train_32x32.mat", "svhn/test_10k_32x32.mat"),
    "extra": ("svhn/extra_32x32.mat",),
    "test": ("svhn/test_32x32.mat",),
}


def read_svhn(path: Path) -> Images:
    """A .mat with `X` (32, 32, 3, n) and `y` (n, 1), the digit in the middle; 10 stands for 0."""
    content = read_mat(path, ("X", "y"))
    X, y = content.get("X"), content.get("y")
    if X is None or y is None:
        raise InfoganError(f"{path} lacks X or y; an SVHN file has both.")
    if X.dtype != np.uint8 or X.shape != (32, 32, 3, y.size):
        raise InfoganError(
            f"{path} holds X {X.dtype} {X.shape} and y {y.shape}; expected uint8 (32, 32, 3, n) and (n, 1)."
        )
    if not y.size:
        raise InfoganError(f"{path} holds no image; SVHN has thousands.")
    if y.min() < 1 or y.max() > 10:
        raise InfoganError(f"{path} holds labels from {y.min()} to {y.max()}; expected 1 to 10.")
    labels = Labels(y.ravel().astype(np.int64) % 10)
    return Images.from_arrays(np.ascontiguousarray(X.transpose(3, 2, 0, 1)), labels)


SVHN = DatasetInfo(
    name="svhn",
    description="Street View House Numbers, cropped digits in colour, 32x32",
    licence="non-commercial use only",
    shape=(3, 32, 32),
    splits={"train": 73_257, "extra": 531_131, "test": 26_032},
    load=lambda options, split: read_svhn(options.require_path(f"SVHN ({split})", FILES[split])),
    check_available=lambda load_options, split: load_options.find_path(FILES[split]) is not None,
    label_name="digit",
    files=("svhn/train_32x32.mat", "svhn/test_32x32.mat", "svhn/extra_32x32.mat"),
)
