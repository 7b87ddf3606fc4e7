"""InfoGAN: learns codes for what varies in unlabelled images (Chen et al. 2016).

The names below import torch when they are first used, not when this package is imported.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from infogan.config import Config
    from infogan.config.presets import get_preset
    from infogan.data import load
    from infogan.estimator import InfoGAN
    from infogan.method.latent import Latent
    from infogan.method.model import Model, make_model
    from infogan.runs.run import Run
    from infogan.training.trainer import Trainer
    from infogan.utils.errors import InfoganError

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

_MODULES = {
    "Config": "config",
    "InfoGAN": "estimator",
    "InfoganError": "utils.errors",
    "Latent": "method.latent",
    "Model": "method.model",
    "Run": "runs.run",
    "Trainer": "training.trainer",
    "get_preset": "config.presets",
    "load": "data",
    "make_model": "method.model",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'infogan' has no attribute {name!r}")
    return getattr(import_module(f"infogan.{_MODULES[name]}"), name)
