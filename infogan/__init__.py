"""InfoGAN: finds the factors of variation in unlabelled images and hands them over as knobs.

The names below load torch when they are first used, not when this package is imported.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from infogan.config import Config
    from infogan.data import load
    from infogan.errors import InfoganError
    from infogan.estimator import InfoGAN
    from infogan.latent import Latent
    from infogan.model import Model, make_model
    from infogan.presets import get_preset
    from infogan.run import Run
    from infogan.train import Trainer

__all__ = [
    "Config",
    "InfoGAN",
    "InfoganError",
    "Latent",
    "Model",
    "Run",
    "Trainer",
    "get_preset",
    "load",
    "make_model",
]

_HOMES = {
    "Config": "config",
    "InfoGAN": "estimator",
    "InfoganError": "errors",
    "Latent": "latent",
    "Model": "model",
    "Run": "run",
    "Trainer": "train",
    "get_preset": "presets",
    "load": "data",
    "make_model": "model",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'infogan' has no attribute {name!r}")
    return getattr(import_module(f"infogan.{_HOMES[name]}"), name)
