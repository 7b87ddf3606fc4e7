"""Scores on tables worked by hand, what Q reads off images, and traversals."""

import math
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from infogan import data
from infogan.config.presets.digits import digits_code
from infogan.data import Factor, Factors, Images
from infogan.data.images import PixelArray
from infogan.data.labels import Labels
from infogan.evaluation import METRIC_GROUPS, evaluate_model, resolve_metric_groups
from infogan.evaluation.clustering import (
    accuracy,
    ari,
    cluster_scores,
    contingency_table,
    discrete_codes,
    joint_categories,
    match_labels,
    nmi,
    one_to_one_error,
    purity,
)
from infogan.evaluation.consistency import info_bounds
from infogan.evaluation.control.scores import CONTROL_SCORES
from infogan.evaluation.image_quality.features import make_classifier_extractor
from infogan.evaluation.score import read_evaluation, write_evaluation
from infogan.figures.traversal import code_index, make_grid, traverse
from infogan.method.model import CHUNK, Model, make_model
from infogan.runs.run import Run
from infogan.utils.errors import InfoganError
from infogan.utils.rng import make_rng

CONFIG = digits_code().replace(batch_size=16, device="cpu")


@pytest.fixture(scope="module")
def model() -> Model:
    return make_model(CONFIG)


PERFECT = np.eye(10, dtype=np.int64) * 7
MERGED = np.array([[5, 5, 0], [0, 0, 5], [0, 0, 0]])
CONSTANT = np.array([[6, 3, 1], [0, 0, 0], [0, 0, 0]])
SPLIT = np.repeat(PERFECT, 2, axis=0)  # 20 categories, two for each label

# MERGED: I = H(category), and NMI = 2 I / (H(category) + H(label)).
H_CATEGORY = math.log(3) - 2 / 3 * math.log(2)
NMI_MERGED = 2 * H_CATEGORY / (H_CATEGORY + math.log(3))
# Pairs of 15: together in both 3 * 10, in a category 45 + 10, in a label 3 * 10, of 105 in all.
EXPECTED = 55 * 30 / 105
ARI_MERGED = (30 - EXPECTED) / ((55 + 30) / 2 - EXPECTED)
# SPLIT: I = log 10, H(category) = log 20. Pairs of 140: 20 * 21 together in both, 10 * 91, 9730.
NMI_SPLIT = 2 * math.log(10) / (math.log(10) + math.log(20))
EXPECTED_SPLIT = 420 * 910 / 9730
ARI_SPLIT = (420 - EXPECTED_SPLIT) / ((420 + 910) / 2 - EXPECTED_SPLIT)


def labels_of(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels and categories with this contingency table, a row per category."""
    categories, labels = np.indices(table.shape)
    return np.repeat(labels, table.ravel()), np.repeat(categories, table.ravel())


@pytest.mark.parametrize(
    ("table", "error", "pure", "mutual", "rand"),
    [
        (PERFECT, 0, 1, 1, 1),
        (PERFECT[np.random.default_rng(0).permutation(10)], 0, 1, 1, 1),
        (MERGED, 1 / 3, 2 / 3, NMI_MERGED, ARI_MERGED),
        (CONSTANT, 0.4, 0.6, 0, 0),
        (SPLIT, 0.5, 1, NMI_SPLIT, ARI_SPLIT),
    ],
    ids=["perfect", "permuted", "merged", "constant", "twenty"],
)
def test_scores_by_hand(table: np.ndarray, error: float, pure: float, mutual: float, rand: float) -> None:
    labels = labels_of(table)
    assert one_to_one_error(*labels) == pytest.approx(error, abs=1e-12)
    assert accuracy(*labels) == pytest.approx(1 - error, abs=1e-12)
    assert purity(*labels) == pytest.approx(pure, abs=1e-12)
    assert nmi(*labels) == pytest.approx(mutual, abs=1e-12)
    assert ari(*labels) == pytest.approx(rand, abs=1e-12)


def test_match_labels_gives_each_label_once() -> None:
    rows, columns = match_labels(SPLIT)
    assert len(set(rows.tolist())) == 10
    assert sorted(columns.tolist()) == list(range(10))


def test_the_match_is_not_greedy() -> None:
    labels = labels_of(np.array([[10, 9], [9, 0]]))  # greedy: 10 + 0; best: 9 + 9
    assert one_to_one_error(*labels) == pytest.approx(10 / 28)
    assert accuracy(*labels) == pytest.approx(18 / 28)
    assert purity(*labels) == pytest.approx(19 / 28)


def test_contingency_table() -> None:
    labels, categories = np.array([1, 1, 0, 0, 1]), np.array([0, 0, 2, 2, 2])
    assert contingency_table(labels, categories).tolist() == [[0, 2], [0, 0], [2, 1]]
    assert contingency_table(labels, categories, 4).tolist() == [[0, 2], [0, 0], [2, 1], [0, 0]]


def test_interval_brackets_value() -> None:
    table = np.random.default_rng(1).integers(0, 20, (10, 10)) + 60 * np.eye(10, dtype=np.int64)
    scores = cluster_scores(*labels_of(table), "by hand")
    assert set(scores) == {"one_to_one_error", "accuracy", "purity", "nmi", "ari"}
    for score in scores.values():
        assert score["low"] < score["value"] < score["high"]
        assert "by hand" in score["protocol"]
        assert f"{table.sum():,} images" in score["protocol"]
    assert cluster_scores(*labels_of(table), "by hand") == scores
    error = scores["one_to_one_error"]
    expected = 1.96 * math.sqrt(
        error["value"] * (1 - error["value"]) / table.sum()
    )  # the labels stay matched
    assert error["high"] - error["value"] == pytest.approx(expected, rel=0.25)
    correct = scores["accuracy"]  # the same, upside down
    ends = (correct["value"], correct["high"], correct["low"])
    assert ends == pytest.approx((1 - error["value"], 1 - error["low"], 1 - error["high"]))


def test_several_codes_as_one() -> None:
    categories = np.array([[0, 0], [0, 1], [1, 0], [0, 1], [1, 0]])
    assert joint_categories(categories).tolist() == [0, 1, 2, 1, 2]


def test_info_bounds_of_untrained_model(model: Model) -> None:
    bounds = info_bounds(model, 128, make_rng(0, "evaluate"))
    assert list(bounds) == ["info_bound_c1", "info_bound_c2", "info_bound_c3"]
    for score in bounds.values():
        assert math.isfinite(score["value"])
        assert score["low"] < score["value"] < score["high"]
    assert bounds["info_bound_c1"]["value"] < 0.5  # Q knows nothing yet
    assert "2.303" in bounds["info_bound_c1"]["protocol"]


@pytest.mark.parametrize(("batch_size", "n_images"), [(8, 16), (18, 18)])
def test_info_bounds_takes_whole_batches(
    model: Model, monkeypatch: pytest.MonkeyPatch, batch_size: int, n_images: int
) -> None:
    """No batch of a single image, and one batch if it is larger than all images to generate."""
    monkeypatch.setattr("infogan.evaluation.consistency.N_IMAGES_FOR_BOUND", 17)
    sizes: list[int] = []
    sample_c = model.latent.sample_c
    monkeypatch.setattr(
        type(model.latent), "sample_c", lambda _, n, rng: (sizes.append(n), sample_c(n, rng))[1]
    )
    for score in info_bounds(model, batch_size, make_rng(0, "evaluate")).values():
        assert math.isfinite(score["value"])
        assert f"{n_images} generated images" in score["protocol"]
    assert set(sizes) == {batch_size}


def test_evaluate_names_splits_and_scores(model: Model) -> None:
    test = data.load("digits", "test")
    said: list[str] = []
    splits = {"test": test, "unlabelled": Images.from_arrays(test.x)}
    scores = evaluate_model(model, splits, 128, said.append)
    assert set(scores) == {"generated", "test", "unlabelled"}
    matched = {"one_to_one_error", "accuracy"}
    agreement = matched | {"purity", "nmi", "ari"}
    codes = ("c1", "c2", "c3")
    stability = {f"stability_{c}" for c in codes}
    assert set(scores["generated"]) == {f"{s}_{c}" for s in ("info_bound", "recovery") for c in codes}
    control = {f"{s}_{c}" for s in CONTROL_SCORES for c in ("c2", "c3")}
    assert set(scores["test"]) == (
        agreement
        | {f"{s}_k_means" for s in agreement}
        | {f"{s}_batch_statistics" for s in matched}
        | stability
    )
    assert set(scores["unlabelled"]) == stability | control  # of the last split alone
    assert said


@pytest.mark.usefixtures("quick_scores")
def test_evaluate_of_several_codes_and_known_factors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every group of scores at once, on factors and codes of every kind; nothing is NaN."""
    monkeypatch.setattr("infogan.data.cache.cache_folder", lambda: tmp_path)
    monkeypatch.setattr("infogan.evaluation.image_quality.classifier.STEPS", 60)
    config = CONFIG.replace(codes="cat:3 bern:1 unif:1 circ:1 noise:8")
    rng = np.random.default_rng(0)
    known = (Factor("shape", "category"), Factor("size", "number"), Factor("turn", "angle"))
    factors = np.stack([rng.integers(0, 3, 400), rng.random(400), rng.uniform(0, 6.28, 400)], axis=1)
    x = rng.integers(0, 256, (400, 1, 8, 8), np.uint8)
    images = Images.from_arrays(x, Labels(factors[:, 0].astype(np.int64)), factors=Factors(known, factors))
    extractor = make_classifier_extractor(images, "own")
    scores = evaluate_model(
        make_model(config), {"train": images}, 16, groups=METRIC_GROUPS, extractor=extractor
    )
    names = set(scores["train"])
    assert {"nmi_c1", "nmi_c2", "nmi_joint", "nmi_k_means", "association_c4_turn"} <= names
    assert {"mig", "dci_disentanglement", "factorvae", "betavae", "sap", "modularity"} <= names
    assert {"explicitness", "infom", "infoe", "infoc", "dci_lasso_completeness"} <= names
    assert {"fid[own-classifier]", "kid[own-classifier]", "coverage[own-classifier]"} <= names
    for of_split in scores.values():
        for score in of_split.values():
            assert score["low"] <= score["value"] <= score["high"]
    associations = [s for name, s in scores["train"].items() if name.startswith("association_")]
    assert len(associations) == 4 * len(known)
    assert all(s["value"] <= s["noise_level"] <= 1 for s in associations)  # noise has nothing to do with them
    run = Run(tmp_path, config)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints/0000001.safetensors").touch()
    write_evaluation(run, scores)
    assert read_evaluation(run) == scores


def test_groups_by_name() -> None:
    assert resolve_metric_groups(("all",)) == METRIC_GROUPS
    assert resolve_metric_groups(("bound", "association")) == ("bound", "association")
    with pytest.raises(InfoganError, match="no 'asociation'; did you mean 'association'"):
        resolve_metric_groups(("asociation",))


def test_table_counts_every_image(model: Model) -> None:
    test = data.load("digits", "test")
    assert test.labels is not None
    (categories,) = discrete_codes(model.encode(test.x).values.numpy(), model.latent).values()
    table = contingency_table(test.labels.numbers, categories, 10)
    assert table.shape == (10, 10)
    assert table.sum(axis=0).tolist() == np.bincount(test.labels.numbers).tolist()


def test_encode_asks_for_no_more_images_than_a_chunk(model: Model) -> None:
    class Watched(PixelArray):
        shape = (1, 8, 8)
        asked: ClassVar[list[int]] = []

        def __len__(self) -> int:
            return 2500

        def take(self, index: Tensor) -> Tensor:
            self.asked.append(len(index))
            return index.remainder(256).byte()[:, None, None, None].expand(-1, 1, 8, 8)

        def to(self, device: torch.device) -> "Watched":
            return self

    values = model.encode(Watched()).values
    assert max(Watched.asked) <= CHUNK
    assert sum(Watched.asked) == 2500
    again = model.encode(Watched().take(torch.arange(2500)).numpy()).values
    assert torch.equal(values, again)


def test_encode_of_no_images(model: Model) -> None:
    encoding = model.encode(np.zeros((0, 1, 8, 8), np.uint8))
    assert encoding.values.shape == encoding.spreads.shape == (0, 3)


def test_encode_with_running_statistics_knows_no_neighbours(model: Model) -> None:
    x = data.load("digits", "test").x[:64]
    whole, half = model.encode(x), model.encode(np.ascontiguousarray(x[32:]))
    torch.testing.assert_close(whole.values[32:], half.values)
    torch.testing.assert_close(whole.spreads[32:], half.spreads)
    before = {name: value.clone() for name, value in model.D.state_dict().items()}
    whole, half = model.encode(x, "batch"), model.encode(np.ascontiguousarray(x[32:]), "batch")
    assert not torch.allclose(whole.values[32:, 1:], half.values[:, 1:])
    after = model.D.state_dict()
    for name, value in before.items():
        if "running" in name:
            assert torch.equal(value, after[name])
    assert not model.D.training


def test_traverse_moves_one_code_only(model: Model) -> None:
    i = code_index(model, "c2")
    assert code_index(model, "2") == i
    wide = traverse(model, i, rows=3, steps=5, low=-2.0, high=2.0)
    assert wide.images.shape == (3, 5, 1, 8, 8)
    assert wide.values.tolist() == [-2, -1, 0, 1, 2]
    narrow = traverse(model, i, rows=3, steps=3, low=-1.0, high=1.0)
    np.testing.assert_array_equal(wide.images[:, 1:4], narrow.images)  # same value, same image
    assert (wide.images[:, 0] != wide.images[:, 4]).any()
    again = traverse(model, i, rows=3, steps=5, low=-2.0, high=2.0)
    np.testing.assert_array_equal(wide.images, again.images)
    other = traverse(model, i, rows=3, steps=5, low=-2.0, high=2.0, seed=1)
    assert (wide.images != other.images).any()


def test_traverse_holds_z_and_other_codes(model: Model) -> None:
    """The row's own image is in the traversal of each code, where the code has its value."""
    rng = make_rng(0, "traverse")
    z, values = model.latent.sample_z(4, rng), model.sample_values(4, rng)
    own = model.decode(values, z)
    discrete = traverse(model, 0, rows=4)
    assert discrete.images.shape[1] == 10
    for row, category in enumerate(values[:, 0].long().tolist()):
        np.testing.assert_array_equal(discrete.images[row, category], own[row])
    for code in (1, 2):
        for row in range(4):
            value = values[row, code].item()
            at = traverse(model, code, rows=4, steps=1, low=value, high=value)
            np.testing.assert_allclose(at.images[row, 0].astype(int), own[row].astype(int), atol=1)


def test_make_grid_keeps_images_in_place() -> None:
    images = np.arange(2 * 3 * 4 * 4, dtype=np.uint8).reshape(2, 3, 1, 4, 4)
    grid = make_grid(images)
    assert grid.shape == (9, 14, 1)
    np.testing.assert_array_equal(grid[5:9, 10:14, 0], images[1, 2, 0])
    assert (grid[4] == 255).all()
