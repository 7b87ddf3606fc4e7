"""A few labels: read, spread over the clusters, recorded, and what a run makes of their names."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from test_clustering import SHORT, remove_newest_checkpoint, stage_of
from test_clustering import run as run_stage
from trainers import DIGITS, assert_same_bits

from infogan import InfoGAN
from infogan.config import Config
from infogan.data import LoadOptions
from infogan.data.labels import UNKNOWN, Labels, named_classes
from infogan.data.tables import read_class_labels
from infogan.estimator.labels import labels_from_y
from infogan.method.model import make_model
from infogan.pretraining.clustering import clustering, label_spreading, over_clusters
from infogan.pretraining.clustering.label_spreading import (
    ALPHA,
    assign_categories,
    choose_nodes,
    neighbours,
    spread,
    spread_labels,
    what_is_known,
)
from infogan.runs.labels import category_names, n_labelled, read_labels
from infogan.runs.run import Run
from infogan.training import launch
from infogan.training.trainer import Trainer
from infogan.utils.errors import InfoganError

FILES = ("a/cat1.png", "a/dog1.png", "b/cat2.png", "b/owl.png")


def table(folder: Path, text: str) -> Path:
    (folder / "labels.csv").write_text(text)
    return folder / "labels.csv"


@pytest.mark.parametrize(
    ("text", "names", "numbers", "classes"),
    [
        ("file,label\na/cat1.png,cat\nowl.png,owl\n", FILES, [0, -1, -1, 1], ("cat", "owl")),
        ("file,species\ncat1,cat\ncat2,cat\ndog1,dog\n", FILES, [0, 1, 0, -1], ("cat", "dog")),
        ("class;size;image\ncat;1;cat1.png\ndog;2;dog1.png\n", FILES, [0, 1, -1, -1], ("cat", "dog")),
        ("index,label\n3,10\n0,9\n1,9\n", None, [0, 0, -1, 1], ("9", "10")),
        ("index,label\n3,10\n0,-1\n", None, [-1, -1, -1, 0], ("10",)),
        ("index,label\n3,cat\n3,cat\n", None, [-1, -1, -1, 0], ("cat",)),
    ],
)
def test_tables_of_classes(
    tmp_path: Path, text: str, names: tuple[str, ...] | None, numbers: list[int], classes: tuple[str, ...]
) -> None:
    labels = read_class_labels(table(tmp_path, text), names, 4)
    assert (labels.numbers.tolist(), labels.names) == (numbers, classes)


@pytest.mark.parametrize(
    ("text", "names", "message"),
    [
        (
            "file,label\nbird.png,cat\n",
            FILES,
            r"no row of .* names an image; the images are called 'a/cat1.png'",
        ),
        (
            "file,label\nowl.png,owl\nx.png,owl\n",
            FILES,
            r"1 of the 2 rows of .* name no image, such as x.png",
        ),
        ("index,label\n0,a\n4,b\n", None, r"name no image, such as 4; .* whole numbers from 0 to 3"),
        ("index,label\n0,a\n1,\n", None, r"names no class for 1; leave out such rows"),
        ("index,label\n0,1.5\n", None, r"holds the class 1.5, but a class is a whole number or a text"),
        ("index,label\n2,a\n2,b\n", None, r"calls 2 'a' and 'b'; keep one of them"),
        ("index,label\n2,-1\n", None, r"names no class; -1 stands for an unknown one"),
        ("index,x,y2\n2,a,b\n", None, r"has the columns index, x, y2; call the one .* label"),
    ],
)
def test_tables_that_name_nothing(
    tmp_path: Path, text: str, names: tuple[str, ...] | None, message: str
) -> None:
    with pytest.raises(InfoganError, match=f"^labels: .*{message}"):
        read_class_labels(table(tmp_path, text), names, 4)
    with pytest.raises(InfoganError, match="labels: there is no file"):
        read_class_labels(tmp_path / "none.csv", names, 4)


def test_spreading_solves_its_equation() -> None:
    """F = (1 - α) (I - α S)^(-1) Y, Zhou et al. 2003, by a dense solver."""
    rng = np.random.default_rng(0)
    near = np.array([rng.choice(np.delete(np.arange(30), i), 4, replace=False) for i in range(30)])
    Y = rng.random((30, 3))
    W = np.zeros((30, 30))
    np.add.at(W, (np.repeat(np.arange(30), 4), near.ravel()), 1)
    W += W.T
    S = W / np.sqrt(np.outer(W.sum(0), W.sum(0)))
    expected = (1 - ALPHA) * np.linalg.solve(np.eye(30) - ALPHA * S, Y)
    np.testing.assert_allclose(spread(near, Y), expected, atol=0.01 * expected.max())


def test_a_cluster_weighs_what_its_labels_say_of_it() -> None:
    labels = Labels(np.array([0, 0, 1, UNKNOWN, UNKNOWN, UNKNOWN]), ("a", "b"))
    Y = what_is_known(np.array([0, 0, 0, 0, 0, 2]), labels, 3)
    np.testing.assert_array_equal(Y[:3], np.eye(3)[[0, 0, 1]])
    np.testing.assert_allclose(Y[3:], [[(2 + 1) / (1 + 1) / 2, 0, 0]] * 2 + [[0, 0, 1]])


def blobs(seed: int = 0) -> tuple[torch.Tensor, np.ndarray]:
    """Points around four places on a line, and the place of each."""
    place = np.repeat(np.arange(4), 50)
    noise = np.random.default_rng(seed).normal(size=(200, 2))
    return torch.from_numpy(8 * np.stack([place, place % 2], axis=1) + noise).float(), place


def named(category: np.ndarray, labels: Labels, x: torch.Tensor) -> np.ndarray:
    """The categories after labels have spread, from clusters of which a network is sure."""
    nodes = choose_nodes(labels)
    table = 0.97 * torch.eye(4)[torch.from_numpy(category)] + 0.01
    found = spread_labels(table, labels, nodes, torch.cat(list(neighbours(x, nodes))))
    assert torch.allclose(found.sum(dim=1), torch.ones(200), atol=0.02)
    return found.argmax(dim=1).numpy()


def some_labels(place: np.ndarray, per_class: int, classes: tuple[str, ...] = tuple("abcd")) -> Labels:
    numbers = np.full(200, UNKNOWN)
    for c in range(len(classes)):
        numbers[np.flatnonzero(place == c)[:per_class]] = c
    return Labels(numbers, classes)


@pytest.mark.parametrize("max_nodes", [1000, 100])
def test_clusters_become_the_classes(monkeypatch: pytest.MonkeyPatch, max_nodes: int) -> None:
    """With one label of each; also if labels spread over a part of the images."""
    monkeypatch.setattr(label_spreading, "MAX_NODES", max_nodes)
    x, place = blobs()
    shuffled = np.array([2, 0, 3, 1])[place]
    np.testing.assert_array_equal(named(shuffled, some_labels(place, 1), x), place)
    wrong = np.where(np.arange(200) % 25 == 7, (shuffled + 1) % 4, shuffled)  # one in 25
    np.testing.assert_array_equal(named(wrong, some_labels(place, 1), x), place)


def test_labels_split_what_clusters_joined() -> None:
    """Two classes are one cluster, and a third class is two clusters."""
    x, place = blobs()
    joined = np.select([place < 2, np.arange(200) % 2 == 0], [0, 1], place)
    np.testing.assert_array_equal(named(joined, some_labels(place, 5), x), place)


def test_classes_without_a_label_stay_free() -> None:
    """The first categories are the classes; the others are clusters in which no image has a label."""
    x, place = blobs()
    found = named(place[::-1].copy(), some_labels(place, 2, ("a", "b")), x)
    np.testing.assert_array_equal(found[place < 2], place[place < 2])
    assert {tuple(np.unique(found[place == c])) for c in (2, 3)} == {(2,), (3,)}


def test_a_labelled_image_has_its_own_label() -> None:
    x, place = blobs()
    labels = some_labels(place, 5)
    labels.numbers[3] = 3  # far from its class
    assert named(place, labels, x)[3] == 3


def test_one_cluster_per_class() -> None:
    """By the sum of p(k|x) over labelled images; clusters left over come last, in order."""
    p = torch.tensor([[0.1, 0.2, 0.7], [0.0, 0.6, 0.4], [0.5, 0.5, 0.0]])
    assert assign_categories(p, Labels(np.array([0, 1, UNKNOWN]), ("a", "b"))).tolist() == [2, 1, 0]
    assert assign_categories(p, Labels(np.array([UNKNOWN, 0, 0]), ("a",))).tolist() == [1, 0, 2]


# In a run


LABELLED = Labels(np.where(np.arange(len(DIGITS)) % 14 == 0, DIGITS.labels.numbers, UNKNOWN))  # type: ignore[union-attr]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Config:
    """A config whose clustering takes a second, and which learns from a table of labels."""
    monkeypatch.setattr(clustering, "MIN_STABILITY", 0)
    monkeypatch.setattr(clustering, "N_PARTITIONS", 2)
    monkeypatch.setattr(over_clusters, "N_STARTS", 2)
    rows = [f"{i},digit {LABELLED.numbers[i]}\n" for i in np.flatnonzero(LABELLED.is_known)]
    return SHORT.replace(steps=2, save_every=1, labels=str(table(tmp_path, "index,label\n" + "".join(rows))))


def train(config: Config, path: Path) -> tuple[Run, str]:
    console = Console(file=io.StringIO(), width=300)
    launch.train(config, path, LoadOptions(), console)
    assert isinstance(console.file, io.StringIO)
    return Run.open(path), console.file.getvalue()


def test_labels_enter_after_the_clustering_and_nowhere_else(short: Config) -> None:
    """The stage is the same to the bit up to its table; and the labels of the images play no part."""
    unlabelled, labelled = (
        stage_of(short, replace(DIGITS, training_labels=labels)) for labels in (None, named_classes(LABELLED))
    )
    for stage in (unlabelled, labelled):
        run_stage(stage)
    assert_same_bits(unlabelled.D.state_dict(), labelled.D.state_dict())
    before, after = (stage.outcome.targets.by_code[0] for stage in (unlabelled, labelled))
    assert labelled.outcome.message.startswith(unlabelled.outcome.message + "; 103 labels of 10 classes: ")
    known = LABELLED.is_known
    np.testing.assert_array_equal(after[known].float().argmax(dim=1), LABELLED.numbers[known])
    order = assign_categories(before, named_classes(LABELLED))
    is_kept = (after == before[:, order]).all(dim=1)
    assert 0.05 < is_kept.double().mean() < 1
    assert (after[~is_kept].float().max(dim=1).values == 1).all()


def test_a_run_records_what_it_was_told(short: Config, tmp_path: Path) -> None:
    """A resumed run reads its own record, not the table."""
    run, text = train(short, tmp_path / "run")
    assert "103 labels of 10 classes: the clusters agree with " in text
    recorded = json.loads((run.path / "labels.json").read_text())
    assert recorded["images"][1] == {"image": 14, "class": f"digit {LABELLED.numbers[14]}"}
    assert n_labelled(run) == "103 images of 10 classes"
    assert category_names(run) == {"c1": {i: f"digit {i}" for i in range(10)}}
    np.testing.assert_array_equal(read_labels(run, len(DIGITS)).numbers, LABELLED.numbers)
    expected = run.state()
    Path(short.data.labels).unlink()
    for n_left in (1, 0):  # after the stage, and from the start
        remove_newest_checkpoint(run)
        for checkpoint in list(run.checkpoints.iterdir())[n_left:]:
            checkpoint.unlink()
        launch.resume(run.path, {}, LoadOptions(), Console(quiet=True))
        assert_same_bits(run.state(), expected)
    (run.path / "labels.json").write_text(json.dumps(recorded | {"images": recorded["images"][1:]}))
    with pytest.raises(InfoganError, match=r"labels.json was changed, or the images were; put back"):
        launch.resume(run.path, {"steps": 3}, LoadOptions(), Console(quiet=True))


def test_clusters_that_are_not_stable_are_not_named(
    short: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clustering, "MIN_STABILITY", 1.1)
    run, text = train(short, tmp_path / "run")
    assert "training without pseudo-labels" in text
    assert category_names(run) == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"transforms": "", "pretraining_steps": 0}, r"labels is '.*', but must be empty unless transforms"),
        ({"codes": "unif:2", "transforms": "", "pretraining_steps": 0}, "labels is .* must be empty unless"),
        (
            {"codes": "cat:9 noise:8"},
            r"labels name 10 classes, but .* 9 categories; set codes to cat:10 or more",
        ),
    ],
)
def test_labels_that_no_code_can_take(
    short: Config, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    with pytest.raises(InfoganError, match=message):
        train(short.replace(**change), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_sample_without_a_labelled_image() -> None:
    nothing = Labels(np.full(len(DIGITS), UNKNOWN), ("a",))
    with pytest.raises(InfoganError, match="labels name none of the images that max_images leaves"):
        Trainer(SHORT, make_model(SHORT), replace(DIGITS, training_labels=nothing))
    told = replace(DIGITS, training_labels=named_classes(LABELLED)).subsample(50)
    assert told.training_labels is not None
    assert len(told.training_labels) == 50


# The estimator


@pytest.mark.parametrize(
    ("y", "numbers", "names"),
    [
        ([3, -1, 1, 3], [1, -1, 0, 1], ("1", "3")),
        (["b", -1, "a", "b"], [1, -1, 0, 1], ("a", "b")),
        (np.array(["b", None, "a", -1], object), [1, -1, 0, -1], ("a", "b")),
        ([[0], [1], [-1], [1]], [0, 1, -1, 1], ("0", "1")),
    ],
)
def test_classes_in_y(y: object, numbers: list[int], names: tuple[str, ...]) -> None:
    labels = labels_from_y(y, 4)
    assert labels is not None
    assert (labels.numbers.tolist(), labels.names) == (numbers, names)


def test_y_that_holds_no_classes() -> None:
    assert labels_from_y([-1, -1], 2) is None
    for y, message in {
        (0, 1, 1): r"y has shape \(3,\), but must be \(2,\)",
        ("a", " "): "y holds an empty class name",
        (0.5, 1): "y must hold whole numbers or texts",
    }.items():
        with pytest.raises(InfoganError, match=message):
            labels_from_y(list(y), 2)


def test_the_estimator_learns_from_y(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only with transforms; else y is ignored, as before."""
    monkeypatch.setattr(clustering, "MIN_STABILITY", 0)
    X = DIGITS.pixels.take(torch.arange(60)).numpy()[:, 0]
    y = np.where(LABELLED.is_known[:60], LABELLED.numbers[:60], -1)
    words = np.array([f"digit {number}" if number >= 0 else "-1" for number in y])
    clustered = {"architecture": "digits", "transforms": "translate:0.1", "pretraining_steps": 3}

    def fitted(y: object, options: dict[str, object] = clustered) -> InfoGAN:
        estimator = InfoGAN("cat:12 noise:4", max_iter=2, options=options, random_state=0, device="cpu")
        return estimator.fit(X, y)

    told, without = fitted(words), fitted(None)
    assert told.category_names_ == tuple(sorted({word for word in words if word != "-1"}))
    assert without.category_names_ == ()
    assert not np.array_equal(told.predict_proba(X), without.predict_proba(X))
    np.testing.assert_array_equal(fitted(y).predict_proba(X), told.predict_proba(X))
    plain = {"architecture": "digits"}
    np.testing.assert_array_equal(fitted(words, plain).transform(X), fitted(None, plain).transform(X))
    told.save(tmp_path / "saved")
    assert InfoGAN.load(tmp_path / "saved").category_names_ == told.category_names_
    with pytest.raises(InfoganError, match="labels name 60 classes, but the first discrete code has 12"):
        fitted(np.arange(60))
