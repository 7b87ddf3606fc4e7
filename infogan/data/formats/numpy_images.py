"""Images in .npy and .npz files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from infogan.config import UNKNOWN_SCALE, PixelScale
from infogan.data.formats.npy import Arrays, is_npz, read_npy, read_npz
from infogan.data.images import Factor, Factors, Images
from infogan.data.labels import LABEL_COLUMNS, to_labels
from infogan.data.pixels import MAX_CHANNELS, PICTURE_CHANNELS, array_scale, array_to_pixels, report_scale
from infogan.utils.errors import InfoganError

HINT = "save it by numpy.save or numpy.savez, as numbers."


def load_numpy(path: Path, known_scale: PixelScale = UNKNOWN_SCALE, quiet: bool = False) -> Images:
    """A .npy of images, or a .npz with `images` and, for evaluation, `labels` or `factors`.

    Images are numbers that `array_to_pixels` takes, laid out as `channels_first` says. All channels have one
    scale. Labels are what `to_labels` takes, under any name of LABEL_COLUMNS.
    Factors are (n, f) numbers, optionally with f `factor_names` and f `factor_kinds`. A kind is "category"
    (0, 1, ...), "number" (the default) or "angle" (radians).
    """
    if is_npz(path):
        arrays = read_npz(
            path, ("images",), (*LABEL_COLUMNS, "factors", "factor_names", "factor_kinds"), HINT
        )
    else:
        arrays = {"images": read_npy(path, HINT)}
    x = channels_first(arrays["images"])
    name = next((name for name in LABEL_COLUMNS if name in arrays), None)
    values = _to_numbers(path, arrays, "factors", np.float64)
    if x is None:
        raise InfoganError(
            f"{path} contains an array of shape {arrays['images'].shape}; images are (n, h, w), (n, h, w, "
            f"channels) or (n, channels, h, w) with at most {MAX_CHANNELS} channels, so leave out some."
        )
    if name and arrays[name].shape[:1] != (len(x),):
        raise InfoganError(f"{path} contains {len(x)} images but {name} of shape {arrays[name].shape}.")
    labels = to_labels(arrays[name], str(path)) if name else None
    if values is not None and (values.ndim != 2 or len(values) != len(x)):
        raise InfoganError(f"{path} contains {len(x)} images but factors of shape {values.shape}.")
    factors = None if values is None else _read_factors(path, values, arrays)
    scale = report_scale(str(path), known_scale, array_scale(x), quiet)
    try:
        pixels = array_to_pixels(x, scale)
    except ValueError as error:
        raise InfoganError(f"{path} contains images of {error}.") from error
    return replace(Images.from_arrays(pixels, labels, factors=factors), pixel_scale=scale)


def channels_first(x: np.ndarray) -> np.ndarray | None:
    """Images (n, h, w), (n, h, w, ch) or (n, ch, h, w) as (n, ch, h, w), or None if they are not that.

    Of the second and the last number in the shape, 1 or 3 counts channels, else the smaller one; the second
    if both could. There are 1 to 8 channels. None of them is taken for transparency.
    """
    if x.ndim == 3:
        return x[:, None]
    if x.ndim != 4:
        return None
    first, last = x.shape[1], x.shape[3]
    if first not in PICTURE_CHANNELS and (last in PICTURE_CHANNELS or last < first):
        x = x.transpose(0, 3, 1, 2)
    return x if 1 <= x.shape[1] <= MAX_CHANNELS else None


def _to_numbers(path: Path, arrays: Arrays, name: str, dtype: type[np.number]) -> np.ndarray | None:
    if name not in arrays:
        return None
    if arrays[name].dtype.kind not in "biuf":
        raise InfoganError(f"{path} contains {name} of type {arrays[name].dtype}; they must be numbers.")
    with np.errstate(invalid="ignore"):
        numbers: np.ndarray = arrays[name].astype(dtype)
    return numbers


def _read_factors(path: Path, values: Float[np.ndarray, "n f"], arrays: Arrays) -> Factors:
    f = values.shape[1]
    names = arrays.get("factor_names", np.array([f"factor{i}" for i in range(1, f + 1)]))
    kinds = arrays.get("factor_kinds", np.array(["number"] * f))
    if names.shape != (f,) or kinds.shape != (f,) or len(set(names.tolist())) < f:
        raise InfoganError(
            f"{path} contains {f} factors but factor_names of shape {names.shape} and factor_kinds of shape "
            f"{kinds.shape}; each factor needs one kind and a unique name."
        )
    factors: list[Factor] = []
    for name, kind, column in zip(names.tolist(), kinds.tolist(), values.T, strict=True):
        if kind not in ("category", "number", "angle"):
            raise InfoganError(f"{path} calls {name} a {kind!r}; kinds are category, number and angle.")
        if not np.isfinite(column).all():
            raise InfoganError(
                f"{path} has values of {name} that are NaN or infinite; leave such images out."
            )
        if kind == "category" and not ((column >= 0) & (column == np.rint(column))).all():
            raise InfoganError(f"{path} has values of {name} other than 0, 1, ...; a category counts from 0.")
        factors.append(Factor(str(name), kind))
    return Factors(tuple(factors), values)
