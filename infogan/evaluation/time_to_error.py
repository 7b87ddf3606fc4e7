"""Seconds of training until a run's categories agree with the labels of test images."""

import time
from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor

from infogan.config import Config
from infogan.data import DEFAULT_OPTIONS, LoadOptions, available_splits, load
from infogan.data.options import load_options_for
from infogan.evaluation.clustering import one_to_one_error
from infogan.method.model import make_model
from infogan.pretraining import Targets
from infogan.runs.weights import subset
from infogan.training.state import state_of
from infogan.training.trainer import Trainer
from infogan.utils.errors import InfoganError
from infogan.utils.progress import ProgressCallback, no_progress

INTERVAL = 2.0  # seconds between copies


class ErrorCurve(NamedTuple):
    """The 1-1 error on test images over time, [0, 1]; seconds since the images began to be read."""

    seconds: list[float]
    errors: list[float]

    def seconds_to(self, goal: float) -> float | None:
        """Until the first copy whose error is at most the goal; None if none is."""
        return next((s for s, error in zip(*self, strict=True) if error <= goal), None)


def error_curve(
    config: Config,
    load_options: LoadOptions = DEFAULT_OPTIONS,
    on_progress: ProgressCallback = no_progress,
) -> ErrorCurve:
    """Trains a config, and scores copies of D that were made every two seconds and at the end.

    Copying is not timed. The copies are scored after the training, so labels cannot influence it. Pretraining
    does not train Q, so that its copies have the error of initial weights.

    Raises:
        InfoganError: if the images have no labels and no test split, or the config no category.
    """
    name = config.data.images
    if "test" not in available_splits(name, load_options) or config.codes.kinds[0] != "cat":
        raise InfoganError(f"{name}: the error needs labelled test images, and a category as the first code.")
    test = load(name, "test", load_options_for(config, load_options))
    assert test.labels is not None
    copies: list[tuple[float, dict[str, Tensor]]] = []
    start, not_timed, last = time.perf_counter(), 0.0, 0.0
    for trainer, is_last in _training(config, load_options, on_progress):
        now = time.perf_counter()
        seconds = now - start - not_timed
        if seconds - last >= INTERVAL or is_last:
            state = state_of(trainer)
            weights = subset(state, "D_ema") or subset(state, "D")
            copies.append((seconds, {name: value.clone() for name, value in weights.items()}))
            last = seconds
        not_timed += time.perf_counter() - now
    model, errors = make_model(config), []
    for i, (_, weights) in enumerate(copies):
        on_progress(f"errors of {i + 1} of {len(copies)} copies")
        model.D.load_state_dict(weights)
        model.D.eval()
        category = model.encode(test.pixels).values[:, 0].long().numpy()
        errors.append(one_to_one_error(test.labels.numbers, category))
    return ErrorCurve([seconds for seconds, _ in copies], errors)


def _training(
    config: Config, load_options: LoadOptions, on_progress: ProgressCallback
) -> Iterator[tuple[Trainer, bool]]:
    """The trainer after each step of pretraining and of training, and whether it was the last one."""
    images = load(config.data.images, load_options=load_options_for(config, load_options))
    trainer = Trainer(config, make_model(config), images)
    (stage,) = trainer.stages()
    for n in stage.run(Targets()):
        on_progress(f"pretraining: {n:,} of {stage.n_steps:,} steps")
        yield trainer, False
    trainer.use_targets([stage.outcome.targets])
    for n, _ in trainer.fit():
        on_progress(f"{n:,} of {config.optimisation.steps:,} steps")
        yield trainer, n == config.optimisation.steps
