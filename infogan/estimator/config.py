"""The config of an estimator: defaults for the number and shape of its rows, changed by its parameters."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from infogan.config import SHAPES, Config, Shape, check_options, options_of
from infogan.config.presets import custom_images, custom_vectors, with_settings
from infogan.utils.errors import InfoganError, did_you_mean

SET_BY_X_OR_CODES = ("images", "shape", "square", "codes", "binary", "bit_depth")
MAX_EPOCHS = 100  # over images; with more, categories of a few hundred images became no better
MIN_STEPS = 1_000


def make_config(
    n: int,
    shape: Shape,
    is_vectors: bool,
    codes: Any,
    parameters: Mapping[str, Any],
    options: Mapping[str, Any] | None,
) -> Config:
    """The defaults for n rows of that shape, changed by options, and by parameters that are not None.

    Raises:
        InfoganError: if an option is unknown or has a parameter of its own, or a value is out of range or of
            another type.
    """
    if not isinstance(codes, str):
        raise InfoganError(f"InfoGAN: codes is {codes!r}, but must be a string such as 'cat:10 unif:2'.")
    options = options or {}
    # Stages take minutes, so here they are only for those who name them.
    stages: dict[str, Any] = {"transforms": "", "knobs": "", "factor_steps": 0}
    stages |= {name: options[name] for name, off in stages.items() if type(options.get(name)) is type(off)}
    default = (
        custom_vectors("X", n, shape, codes) if is_vectors else custom_images("X", n, shape, codes, **stages)
    )
    default = default if is_vectors else _sized(default, n)
    allowed = [name for name in options_of(Config) if name not in (*parameters, *SET_BY_X_OR_CODES)]
    for name in options:
        if name not in allowed:
            raise InfoganError(f"InfoGAN: options cannot hold {name!r}; " + did_you_mean(name, allowed))
    given = {name: value for name, value in parameters.items() if value is not None}
    values = {name: to_python(value) for name, value in {**options, **given}.items()}
    if "lam" in values and not isinstance(values["lam"], list | tuple):
        values["lam"] = [values["lam"]]
    if values.get("architecture") in SHAPES:
        values["shape"] = None
    return with_settings(default, check_options(values))


def _sized(config: Config, n: int) -> Config:
    """The config with at most 100 epochs over n images, but at least 1,000 steps."""
    steps, epoch = config.optimisation.steps, math.ceil(n / config.optimisation.batch_size)
    return config.replace(steps=min(steps, max(MIN_STEPS, MAX_EPOCHS * epoch)))


def to_python(value: Any) -> Any:
    """NumPy scalars and arrays as Python numbers and lists; anything else unchanged."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value
