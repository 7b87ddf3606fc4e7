"""The model that ships with the package."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from infogan.config.presets import get_preset
from infogan.data import load
from infogan.evaluation.clustering import one_to_one_error
from infogan.evaluation.consistency import recover_codes, recovery_scores
from infogan.evaluation.control.scores import CONTROL_SCORES, N_REAL, control_scores
from infogan.report.reliability import CRITERIA, OF_CONTINUOUS
from infogan.runs.find import open_run_or_shipped, shipped_names, shipped_run_path
from infogan.runs.inversion import load_inversion
from infogan.runs.run import Run
from infogan.training.components.schedule import learning_rates
from infogan.utils.errors import InfoganError
from infogan.utils.rng import make_rng

needs_mnist = pytest.mark.skipif(
    not (Path(os.environ.get("INFOGAN_DATA", "nowhere")) / "mnist").is_dir(),
    reason="INFOGAN_DATA has no mnist",
)


@pytest.fixture(scope="module")
def run() -> Run:
    return Run.open(shipped_run_path())


@pytest.mark.parametrize("name", shipped_names())
def test_each_has_at_most_three_megabytes(name: str) -> None:
    assert sum(file.stat().st_size for file in shipped_run_path(name).iterdir()) <= 3_000_000


@pytest.mark.parametrize("name", shipped_names())
def test_each_has_the_config_of_its_preset(name: str) -> None:
    run = Run.open(shipped_run_path(name))
    preset, config = get_preset(name).options(), run.config.options()
    different = {name for name in preset if preset[name] != config[name]}
    automatic = {"lr_d", "lr_decay_fraction", "binary"}  # None in the preset
    assert different <= {"seed", "precision", "device", *automatic}
    rates = [learning_rates(c, with_targets=True) for c in (get_preset(name), run.config)]
    assert rates[0] == rates[1]


def test_a_run_of_your_own_comes_before_the_one_that_ships(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    assert open_run_or_shipped(Path("mnist"), said.append).path == shipped_run_path()
    assert said == ["there is no run mnist here; taking the model of that name that ships with the package."]
    shutil.copytree(shipped_run_path(), tmp_path / "mnist")
    assert open_run_or_shipped(Path("mnist"), said.append).path == Path("mnist")
    assert len(said) == 1
    with pytest.raises(InfoganError, match="nothing is not a run"):
        open_run_or_shipped(Path("nothing"), said.append)


def test_codes_are_recovered_from_generated_images(run: Run) -> None:
    model = run.model()
    scores = recovery_scores(model, recover_codes(model, torch.Generator().manual_seed(0)))
    assert all(score["value"] > 0.9 for score in scores.values())


def test_it_ships_with_an_inversion(run: Run) -> None:
    model = run.model()
    inversion = load_inversion(run, model)
    assert inversion is not None
    rng = torch.Generator().manual_seed(0)
    z, values = model.latent.sample_z(64, rng), model.sample_values(64, rng)
    x = model.decode(values, z)
    found = model.decode(values, inversion.invert(x, values))
    random = model.decode(values, model.latent.sample_z(64, rng))

    def error(y: np.ndarray) -> float:
        return float(np.square(y.astype(float) - x).mean())

    assert error(found) < error(random) / 3


@needs_mnist
def test_its_categories_are_digits(run: Run) -> None:
    images = load("mnist", "test")
    assert images.labels is not None
    category = run.model().encode(images.pixels).values[:, 0].numpy().astype(np.int64)
    assert one_to_one_error(images.labels.numbers, category) < 0.02


@needs_mnist
def test_its_continuous_codes_change_every_digit_alike(run: Run) -> None:
    """c2 is the slant, c3 the width. Of seed 60, without knobs, c2 leaned digits to either side."""
    real = load("mnist", "test").subsample(N_REAL).x
    scores = control_scores(run.model(), real, make_rng(0, "control"))
    assert set(scores) == {f"{name}_{c}" for name in CONTROL_SCORES for c in ("c2", "c3")}
    for code in ("c2", "c3"):
        assert all(scores[f"{name}_{code}"]["value"] > CRITERIA[name].upper for name in OF_CONTINUOUS)
