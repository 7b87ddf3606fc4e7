"""The classes of some rows, which an estimator may learn from."""

from typing import Any

import numpy as np

from infogan.data.labels import Labels, named_classes, to_labels
from infogan.utils.errors import InfoganError


def labels_from_y(y: Any, n: int) -> Labels | None:
    """The classes in y, as in sklearn.semi_supervised: -1 is unknown; None if all are.

    Raises:
        InfoganError: if y is not one class per row, or a class has an empty name.
    """
    values = np.asarray(y)
    if values.shape not in ((n,), (n, 1)):
        raise InfoganError(
            f"InfoGAN: y has shape {values.shape}, but must be ({n},), one class per row of X."
        )
    if values.dtype.kind in "OSU" and any(str(value).strip() == "" for value in values.ravel().tolist()):
        raise InfoganError("InfoGAN: y holds an empty class name; write -1 for an unknown class.")
    labels = to_labels(values, "y")
    if labels is None and not np.isin(values.astype(str), ("-1", "-1.0", "nan")).all():
        raise InfoganError(
            "InfoGAN: y must hold whole numbers or texts, one class per row, and -1 if unknown."
        )
    return labels and named_classes(labels)
