"""The config of an estimator: its parameters over defaults that go by the data."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from infogan.config import SHAPES, Config, Shape, check_options, options_of
from infogan.config.presets import custom_images, custom_vectors
from infogan.utils.errors import InfoganError, did_you_mean

NOT_OPTIONS = ("images", "shape", "square", "codes", "seed", "device")  # which X and parameters decide


def make_config(
    n: int,
    shape: Shape,
    vectors: bool,
    codes: Any,
    given: Mapping[str, Any],
    options: Mapping[str, Any] | None,
) -> Config:
    """The defaults for n rows of that shape, with what is given, and not None, in their place.

    Raises:
        InfoganError: for an option that is no field of `Config`, or is one that a parameter sets, and for a
            value of another type or out of range.
    """
    if not isinstance(codes, str):
        raise InfoganError(f"InfoGAN: codes is {codes!r}, but must be words such as 'cat:10 unif:2'.")
    if vectors:
        default = custom_vectors("X", n, shape, codes)
    else:
        transforms = (options or {}).get("transforms")
        default = custom_images(
            "X", n, shape, codes, **{"transforms": transforms} if isinstance(transforms, str) else {}
        )
    values: dict[str, Any] = {}
    free = [name for name in options_of(Config) if name not in (*given, *NOT_OPTIONS)]
    for name, value in (options or {}).items():
        if name not in free:
            raise InfoganError(f"InfoGAN: options cannot hold {name!r}; " + did_you_mean(name, free))
        values[name] = value
    values |= {name: value for name, value in given.items() if value is not None}
    values = {name: plain(value) for name, value in values.items()}
    if "lam" in values and not isinstance(values["lam"], list | tuple):
        values["lam"] = [values["lam"]]
    if values.get("architecture") in SHAPES:
        values["shape"] = None
    return default.replace(**check_options(values))


def plain(value: Any) -> Any:
    """NumPy's numbers and arrays as Python's; anything else as it is."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value
