"""The model that comes with the package: small, and what it is said to be."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from infogan.config.presets import mnist_best
from infogan.data import load
from infogan.evaluation.clustering import one_to_one_error
from infogan.evaluation.consistency import recover_codes, recovery_scores
from infogan.runs.find import shipped
from infogan.runs.inversion import inversion_of
from infogan.runs.run import Run

needs_mnist = pytest.mark.skipif(
    not (Path(os.environ.get("INFOGAN_DATA", "nowhere")) / "mnist").is_dir(),
    reason="INFOGAN_DATA has no mnist",
)


@pytest.fixture(scope="module")
def run() -> Run:
    return Run.open(shipped())


def test_it_takes_three_megabytes_at_most() -> None:
    assert sum(file.stat().st_size for file in shipped().iterdir()) <= 3_000_000


def test_it_is_the_preset_that_its_recipe_names(run: Run) -> None:
    preset, config = mnist_best(), run.config
    differs = {name for name in vars(preset) if getattr(preset, name) != getattr(config, name)}
    assert differs <= {"seed", "precision", "log_every"}  # which the recipe leaves to the machine


def test_its_codes_come_back(run: Run) -> None:
    model = run.model()
    scores = recovery_scores(model, recover_codes(model, torch.Generator().manual_seed(0)))
    assert all(score["value"] > 0.9 for score in scores.values())


def test_z_is_read_without_learning_anything_first(run: Run) -> None:
    """Also where the package lies in a folder that cannot be written."""
    model = run.model()
    inversion = inversion_of(run, model)
    assert inversion is not None
    rng = torch.Generator().manual_seed(0)
    z, values = model.latent.sample_z(64, rng), model.sample_values(64, rng)
    x = model.decode(values, z)
    found = model.decode(values, inversion.invert(x, values))
    drawn = model.decode(values, model.latent.sample_z(64, rng))

    def error(y: np.ndarray) -> float:
        return float(np.square(y.astype(float) - x).mean())

    assert error(found) < error(drawn) / 3


@needs_mnist
def test_its_categories_are_digits(run: Run) -> None:
    images = load("mnist", "test")
    assert images.labels is not None
    category = run.model().encode(images.pixels).values[:, 0].numpy().astype(np.int64)
    assert one_to_one_error(images.labels, category) < 0.02
