"""NumPy files of images of one's own."""

import zipfile
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import Float

from infogan.data.images import Factor, Factors, Images
from infogan.errors import InfoganError

Extras = dict[str, np.ndarray]


def load_numpy(path: Path) -> Images:
    """A .npy of images, or a .npz with `images` and, for evaluation, `labels` or `factors`.

    Images are uint8: (n, h, w), (n, h, w, ch) or (n, ch, h, w) with 1 or 3 channels. Labels are (n,) whole
    numbers. Factors are (n, f) numbers, with f `factor_names` and f `factor_kinds` where these are given: a
    category 0, 1, ..., a number (what all are otherwise), or an angle in radians.

    Raises:
        InfoganError: for a file that cannot be read, or holds something else.
    """
    labels = values = None
    extras: Extras = {}
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.lib.npyio.NpzFile):
            with loaded:
                if "images" not in loaded:
                    raise InfoganError(f"{path} has no array named 'images', but {loaded.files}.")
                x = loaded["images"]
                labels = loaded["labels"].astype(np.int64) if "labels" in loaded else None
                values = loaded["factors"].astype(np.float64) if "factors" in loaded else None
                extras = {key: loaded[key] for key in ("factor_names", "factor_kinds") if key in loaded}
        else:
            x = loaded
    except (OSError, ValueError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise InfoganError(f"{path} is not a NumPy file of numbers ({error}).") from error
    if x.dtype != np.uint8:
        raise InfoganError(f"{path} holds {x.dtype}; images are uint8, from 0 to 255.")
    if x.ndim == 3:
        x = x[:, None]
    elif x.ndim == 4 and x.shape[3] in (1, 3) and x.shape[1] not in (1, 3):
        x = x.transpose(0, 3, 1, 2)
    if x.ndim != 4 or x.shape[1] not in (1, 3):
        raise InfoganError(f"{path} holds an array of shape {x.shape}; images are (n, h, w[, ch]).")
    if labels is not None and labels.shape != (len(x),):
        raise InfoganError(f"{path} holds {len(x)} images but labels of shape {labels.shape}.")
    if values is not None and (values.ndim != 2 or len(values) != len(x)):
        raise InfoganError(f"{path} holds {len(x)} images but factors of shape {values.shape}.")
    factors = None if values is None else _read_factors(path, values, extras)
    return Images.stored(np.ascontiguousarray(x), labels, factors=factors)


def _read_factors(path: Path, values: Float[np.ndarray, "n f"], extras: Extras) -> Factors:
    f = values.shape[1]
    names = extras.get("factor_names", np.array([f"factor{i}" for i in range(1, f + 1)]))
    kinds = extras.get("factor_kinds", np.array(["number"] * f))
    if names.shape != (f,) or kinds.shape != (f,) or len(set(names.tolist())) < f:
        raise InfoganError(
            f"{path} holds {f} factors but factor_names of shape {names.shape} and factor_kinds of shape "
            f"{kinds.shape}; each factor has one kind and a name of its own."
        )
    known: list[Factor] = []
    for name, kind, column in zip(names.tolist(), kinds.tolist(), values.T, strict=True):
        if kind not in ("category", "number", "angle"):
            raise InfoganError(f"{path} calls {name} a {kind!r}; kinds are category, number and angle.")
        if not np.isfinite(column).all():
            raise InfoganError(
                f"{path} has values of {name} that are no finite numbers; leave such images out."
            )
        if kind == "category" and not ((column >= 0) & (column == np.rint(column))).all():
            raise InfoganError(f"{path} has values of {name} other than 0, 1, ...; a category counts from 0.")
        known.append(Factor(str(name), kind))
    return Factors(tuple(known), values)
