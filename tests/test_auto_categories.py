"""cat:auto: the number of categories, found before any network is made."""

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from test_clustering import SHORT
from trainers import DIGITS

from infogan import InfoGAN
from infogan.config import Config
from infogan.config.spec import is_auto, parse_spec, with_categories
from infogan.data import Images, LoadOptions
from infogan.pretraining.clustering import clustering, count, over_clusters
from infogan.pretraining.clustering.count import Point, choose, gains, measure
from infogan.runs.run import Run
from infogan.training import launch
from infogan.training.auto_categories import count_categories
from infogan.utils.errors import InfoganError

AUTO = SHORT.replace(codes="cat:auto unif:1 noise:8", steps=2)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clustering, "MIN_STABILITY", 0)
    monkeypatch.setattr(count, "MIN_STABILITY", 0.0)
    for module in (clustering, count):
        monkeypatch.setattr(module, "N_PARTITIONS", 2)
    monkeypatch.setattr(count, "KS", range(3, 6))
    monkeypatch.setattr(over_clusters, "N_STARTS", 2)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_as_many_clusters_as_there_are_classes(n_classes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images of a class, four over-clusters of which are neighbours of each other, and seldom of others."""
    monkeypatch.setattr(count, "KS", range(2, 8))
    rng, m = np.random.default_rng(0), 4 * n_classes
    over = np.repeat(np.arange(m), 10)
    kin = np.array([rng.permutation(np.flatnonzero(over // 4 == of // 4)) for of in over])[:, :9]
    near = np.concatenate([kin, rng.integers(0, len(over), (len(over), 1))], axis=1)
    measuring = measure(
        over[None].repeat(2, axis=0),
        near,
        lambda k: rng.integers(0, k, (2, 20, m)) if k < 2 else np.stack([starts(k, m, rng)] * 2),
        0,
    )
    while True:
        try:
            next(measuring)
        except StopIteration as end:
            points = end.value
            break
    assert choose(points, 0.75, 10).k == n_classes


def starts(k: int, m: int, rng: np.random.Generator) -> np.ndarray:
    """Random ones, and neighbouring over-clusters together."""
    return np.stack([np.arange(m) * k // m, *(rng.permutation(m) % k for _ in range(10))])


def test_the_rule_takes_the_last_that_adds_as_much_and_ten_if_it_is_not_stable() -> None:
    """The third cluster adds all that it could add, the fourth half of it."""
    half = math.log(3) + math.log(4 / 3) / 2
    points = (Point(2, math.log(2), 0.9), Point(3, math.log(3), 0.8), Point(4, half, 0.9))
    assert gains(points) == pytest.approx([1, 1, 0.5])
    assert choose(points, 0.75, 10)[1:] == (3, True)
    assert choose(points, 0.85, 10)[1:] == (10, False)
    assert "clusters are not stable, so 10 categories are taken" in choose(points, 0.85, 10).message


@pytest.mark.parametrize("scale", [1, 0.3])
def test_the_number_depends_on_how_gains_fall_and_not_on_their_size(scale: float) -> None:
    """A cluster in between may add little; after five, each adds half, of which a late one adds 0.8."""
    due = [1, 1, 0.6, 0.95, 0.5, 0.5, 0.5, 0.5, 0.5, 0.8]
    information = scale * np.cumsum([gain * math.log((k + 1) / k) for k, gain in enumerate(due, 1)])
    points = tuple(Point(k, float(kept), 0.9) for k, kept in enumerate(information, 2))
    assert gains(points) == pytest.approx([scale * gain for gain in due])
    assert choose(points, 0.75, 10).k == 5


def test_a_run_has_a_number_and_the_curve(quick: None, tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=300)
    launch.train(AUTO, tmp_path / "run", LoadOptions(), console)
    run = Run.open(tmp_path / "run")
    curve = json.loads((run.path / "category_counts.json").read_text())
    assert [point["k"] for point in curve["curve"]] == [3, 4, 5]
    k = curve["k"]
    assert k in (3, 4, 5)
    assert run.config.codes.spec == f"cat:{k} unif:1 noise:8"
    assert isinstance(console.file, io.StringIO)
    assert f"{k} categories, the last of which adds at least 88%" in console.file.getvalue()
    assert run.model().latent.k == k


def test_the_estimator_has_a_number(quick: None) -> None:
    options = {"architecture": "digits", "transforms": "translate:0.1", "pretraining_steps": 3}
    estimator = InfoGAN("cat:auto noise:4", max_iter=1, options=options, random_state=0, device="cpu")
    assert estimator.fit(DIGITS.x[:500, 0]).predict_proba(DIGITS.x[:2, 0]).shape[1] in (3, 4, 5)


def test_specs_with_auto() -> None:
    assert parse_spec("cat:auto unif:2").codes == (("cat", 10), ("unif", 1), ("unif", 1))
    assert (is_auto("unif:1 cat:auto"), is_auto("cat:10")) == (True, False)
    assert with_categories("cat:auto>cat:3  unif:1", 7) == "cat:7>cat:3 unif:1"
    assert is_auto("cat:auto>cat:3")
    for spec in ("cat:auto cat:auto", "cat:5 cat:auto"):
        with pytest.raises(InfoganError, match="cat:auto has to be the first cat code, and the only one"):
            parse_spec(spec)
    with pytest.raises(InfoganError, match="'unif:auto' is not of the form KIND:NUMBER"):
        parse_spec("unif:auto")


@pytest.mark.parametrize(
    ("change", "n", "message"),
    [
        (
            {"transforms": "", "pretraining_steps": 0},
            500,
            "without transforms nothing is clustered; set them, or",
        ),
        ({}, 30, "30 images are too few to find a number of categories, which takes 400; write a number"),
        ({"devices": 2}, 500, "cat:auto is found in one process"),
    ],
)
def test_what_cannot_be_counted(change: dict[str, object], n: int, message: str) -> None:
    with pytest.raises(InfoganError, match=message):
        count_categories(AUTO.replace(**change), Images.from_arrays(DIGITS.x[:n]), Console(quiet=True))


def test_a_number_is_left_as_it_is() -> None:
    config: Config = SHORT
    assert count_categories(config, DIGITS, Console(quiet=True)) == (config, None)
