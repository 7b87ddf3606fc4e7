"""An estimator as a folder: no pickle, and the three files below.

config.json          the run's config
model.safetensors    the weights of G and D
estimator.json       parameters, and what X was like
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import safetensors.torch
from safetensors import SafetensorError

from infogan.config import Config
from infogan.estimator.defaults import plain
from infogan.estimator.layout import Layout
from infogan.method.model import Model, make_model
from infogan.runs.run import Run
from infogan.runs.weights import load_weights
from infogan.utils.errors import InfoganError
from infogan.utils.io import write_atomic

ABOUT, WEIGHTS = "estimator.json", "model.safetensors"


@final
@dataclass(frozen=True)
class Fitted:
    """All that a fitted estimator is, but for what training would go on from."""

    parameters: dict[str, Any]
    config: Config
    layout: Layout
    model: Model
    n_iter: int
    L_I: list[float] | None  # in nats, where it is known
    columns: list[str] | None  # the names of X's columns, where they had any


def save(fitted: Fitted, path: Path) -> None:
    """Writes the folder, over an estimator that was saved there before.

    Raises:
        InfoganError: where it holds anything else, or cannot be written.
    """
    if path.exists() and not (path.is_dir() and ((path / ABOUT).is_file() or not any(path.iterdir()))):
        raise InfoganError(f"{path} is there already and is no saved estimator; name another folder.")
    layout, nets = fitted.layout, {"G": fitted.model.G, "D": fitted.model.D}
    about = {
        "parameters": fitted.parameters,
        "item": layout.item,
        "dtype": layout.dtype.str,
        "mean": layout.mean,
        "scale": layout.scale,
        "n_iter": fitted.n_iter,
        "L_I": fitted.L_I,
        "columns": fitted.columns,
    }
    weights = {
        f"{k}.{name}": v.contiguous() for k, net in nets.items() for name, v in net.state_dict().items()
    }
    try:
        text = json.dumps(about, indent=2, default=plain) + "\n"
        path.mkdir(parents=True, exist_ok=True)
        write_atomic(path / "config.json", fitted.config.to_json().encode())
        write_atomic(path / WEIGHTS, safetensors.torch.save(weights, {"steps": str(fitted.n_iter)}))
        write_atomic(path / ABOUT, text.encode())
    except OSError as error:
        raise InfoganError(
            f"{path} cannot be written ({error.strerror or error}); name another folder."
        ) from error


def load(path: Path) -> Fitted:
    """What `save` wrote.

    Raises:
        InfoganError: where there is none, or a file of it is damaged.
    """
    file = path / ABOUT
    if not file.is_file():
        raise InfoganError(f"{path} is no saved estimator: it holds no {ABOUT}.")
    config = Run.open(path).config
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
        mean, scale = (np.array(about[name], dtype=np.float64) for name in ("mean", "scale"))
        layout = Layout(tuple(about["item"]), np.dtype(about["dtype"]), mean, scale)
        model = make_model(config)
        model.check_shape(layout.shape, f"rows as {file} has them")
        load_weights(model, safetensors.torch.load((path / WEIGHTS).read_bytes()))
        parameters, columns = dict(about["parameters"]), about["columns"]
        return Fitted(parameters, config, layout, model, int(about["n_iter"]), about["L_I"], columns)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise InfoganError(f"{path} cannot be read as a saved estimator ({error}); save it again.") from error


def of_run(run: Run) -> Fitted:
    """An estimator of a run's model, which takes X as the run took its images; raises as `Run.model`."""
    parameters = {"codes": run.config.codes.spec, "random_state": run.config.run.seed}
    layout = Layout.of_config(run.config)
    return Fitted(parameters, run.config, layout, run.model(), run.steps, None, None)
