"""The 1,797 digits of 8x8 pixels of scikit-learn (UCI; Alpaydin and Kaynak 1998; CC BY 4.0)."""

import numpy as np

from infogan.data.images import Images
from infogan.data.labels import Labels
from infogan.data.options import DatasetInfo, LoadOptions

N_TRAIN = 1437


def load_digits(load_options: LoadOptions, split: str) -> Images:
    """The first 1,437 digits (train) or the last 360 (test), with labels; no file is needed."""
    from sklearn.datasets import load_digits as load_from_sklearn

    digits = load_from_sklearn()
    part = slice(N_TRAIN, None) if split == "test" else slice(N_TRAIN)
    x = np.rint(digits.images[part] * (255 / 16)).astype(np.uint8)
    return Images.from_arrays(x[:, None], Labels(digits.target[part].astype(np.int64)))


DIGITS = DatasetInfo(
    name="digits",
    description="Handwritten digits, 8x8, gray, from scikit-learn; the test split is by other writers",
    licence="CC BY 4.0",
    shape=(1, 8, 8),
    splits={"train": N_TRAIN, "test": 360},
    load=load_digits,
    label_name="digit",
)
