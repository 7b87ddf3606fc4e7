"""The config of an estimator: its parameters over defaults that go by the data."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from infogan.config.config import SHAPES, Config, Shape
from infogan.config.presets import own, own_vectors
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
        default = own_vectors("X", n, shape, codes)
    else:
        motion = (options or {}).get("motion")
        default = own("X", n, shape, codes, **{"motion": motion} if isinstance(motion, str) else {})
    values = asdict(default)
    free = [field.name for field in fields(Config) if field.name not in (*given, *NOT_OPTIONS)]
    for name, value in (options or {}).items():
        if name not in free:
            raise InfoganError(f"InfoGAN: options cannot hold {name!r}; " + did_you_mean(name, free))
        values[name] = value
    values |= {name: value for name, value in given.items() if value is not None}
    if np.ndim(values["lam"]) == 0:
        values["lam"] = [values["lam"]]
    if values["net"] in SHAPES:
        values["shape"] = None
    try:
        config = Config.from_json(json.dumps(values, default=plain))
    except TypeError as error:
        raise InfoganError(
            f"InfoGAN: a parameter or option is of no type that a config holds ({error})."
        ) from error
    return config


def plain(value: Any) -> Any:
    """NumPy's numbers and arrays as Python's."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{value!r} is a {type(value).__name__}")
