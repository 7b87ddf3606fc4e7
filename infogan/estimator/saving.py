"""Saving and loading of an estimator: a folder without pickle.

config.json          the config of its networks and training
model.safetensors    the weights of G and D
estimator.json       its parameters, and the shape, type and scale of X
"""

import json
from numbers import Integral
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import safetensors.torch
from safetensors import SafetensorError
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from infogan.config import Config
from infogan.estimator.config import to_python
from infogan.estimator.preprocessing import Preprocessor
from infogan.method.model import Model, make_model
from infogan.runs.labels import labelled_categories
from infogan.runs.run import Run
from infogan.runs.weights import load_weights
from infogan.utils.errors import InfoganError
from infogan.utils.io import write_atomic

T = TypeVar("T", bound="SavableEstimator")  # Self, which the tests' type checker does not know
ESTIMATOR_FILE, WEIGHTS_FILE = "estimator.json", "model.safetensors"


class SavableEstimator(BaseEstimator):  # type: ignore[misc]  # no types
    """The part of an estimator that saves and loads it."""

    def save(self, path: str | Path) -> None:
        """Saves to a folder, without pickle, for `load`; `Run.open` also reads it.

        Raises:
            InfoganError: if it cannot be written, or would overwrite something else.
        """
        check_is_fitted(self)
        folder = Path(path)
        is_free = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
        if not is_free and not (folder / ESTIMATOR_FILE).is_file():
            raise InfoganError(f"{folder} exists and is not a saved estimator; choose another folder.")
        parameters = self.get_params(deep=False)
        if isinstance(self.random_state, Integral):
            parameters["random_state"] = int(self.random_state)
        else:
            parameters["random_state"] = (
                None  # a generator has no JSON; the config keeps the seed drawn from it
            )
        content = {
            "parameters": parameters,
            "item": self.preprocessor_.row_shape,
            "dtype": self.preprocessor_.dtype.str,
            "mean": self.preprocessor_.mean,
            "scale": self.preprocessor_.scale,
            "n_iter": self.n_iter_,
            "L_I": getattr(self, "L_I_", None),  # unknown if the model is from a run
            "category_names": self.category_names_,
            "columns": [str(name) for name in getattr(self, "feature_names_in_", ())] or None,
        }
        text = json.dumps(content, indent=2, default=to_python) + "\n"
        weights = {name: value.contiguous() for name, value in self.model_.state_dict().items()}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_atomic(folder / "config.json", self.config_.to_json().encode())
            write_atomic(folder / WEIGHTS_FILE, safetensors.torch.save(weights, {"steps": str(self.n_iter_)}))
            write_atomic(folder / ESTIMATOR_FILE, text.encode())
        except OSError as error:
            raise InfoganError(
                f"{folder} cannot be written ({error.strerror or error}); choose another folder."
            ) from error

    @classmethod
    def load(cls: type[T], path: str | Path) -> T:
        """The estimator that `save` wrote.

        After loading, `partial_fit` continues from the weights; Adam's moments and clusters are not saved.

        Raises:
            InfoganError: if there is no saved estimator, or a file is damaged.
        """
        folder = Path(path)
        file = folder / ESTIMATOR_FILE
        if not file.is_file():
            raise InfoganError(f"{folder} is not a saved estimator: it holds no {ESTIMATOR_FILE}.")
        config = Run.open(folder).config
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            parameters, feature_names = dict(content["parameters"]), content["columns"]
            mean, scale = (np.array(content[name], dtype=np.float64) for name in ("mean", "scale"))
            preprocessor = Preprocessor(
                tuple(content["item"]), np.dtype(content["dtype"]), mean, scale, config.data.pixel_scale
            )
            model = make_model(config)
            model.check_shape(preprocessor.image_shape, f"rows as described by {file}")
            load_weights(model, safetensors.torch.load((folder / WEIGHTS_FILE).read_bytes()))
            n_iter, L_I = int(content["n_iter"]), content["L_I"]
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise InfoganError(
                f"{folder} cannot be read as a saved estimator ({error}); save it again."
            ) from error
        try:
            estimator = cls(**parameters)
        except TypeError as error:
            raise InfoganError(
                f"{file} has parameters of another version ({error}); save it again."
            ) from error
        estimator._set_trained(config, preprocessor, model, n_iter)
        estimator.category_names_ = tuple(map(str, content.get("category_names", ())))
        if L_I is not None:
            estimator.L_I_ = np.array(L_I, dtype=np.float32)
        if feature_names is not None:
            estimator.feature_names_in_ = np.array(feature_names, dtype=object)
        return estimator

    @classmethod
    def from_pretrained(cls: type[T], path_or_repo: str | Path) -> T:
        """A saved estimator, a run or an exported run, from a local folder or the Hugging Face Hub.

        Raises:
            InfoganError: if there is none, or it is damaged.
        """
        from infogan.export.hub import download_pretrained

        folder = download_pretrained(path_or_repo)
        if (folder / ESTIMATOR_FILE).is_file():
            return cls.load(folder)
        run = Run.open(folder)
        estimator = cls(codes=run.config.codes.spec, random_state=run.config.run.seed)
        estimator._set_trained(run.config, Preprocessor.from_config(run.config), run.model(), run.steps)
        estimator.category_names_ = tuple(next(iter(labelled_categories(run).values()), {}).values())
        return estimator

    def _set_trained(self, config: Config, preprocessor: Preprocessor, model: Model, n_iter: int) -> None:
        if config.pretraining.has_stages:  # pretraining again would number the clusters differently
            config = config.replace(transforms="", pretraining_steps=0, knobs="")
        self._set_model(config, preprocessor, model)
        self.n_features_in_, self.n_iter_ = preprocessor.row_shape[0], n_iter

    def _set_model(self, config: Config, preprocessor: Preprocessor, model: Model) -> None:
        self.config_, self.preprocessor_, self.model_ = config, preprocessor, model
        self.seed_, self.n_iter_ = config.run.seed, 0
        self._state: Any = None  # of the training, if it can be continued
        self.category_names_: tuple[str, ...] = ()
        self._n_features_out = len(model.latent.codes)
