"""InfoGAN as a scikit-learn estimator: scikit-learn's checks, results, saving and error messages."""

import inspect
import io
import json
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch
from rich.console import Console
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import (
    check_do_not_raise_errors_in_init_or_set_params,
    parametrize_with_checks,
)

from infogan import InfoGAN
from infogan.config.presets import custom_images, get_preset
from infogan.data import load
from infogan.estimator.config import make_config
from infogan.estimator.preprocessing import Preprocessor
from infogan.evaluation.clustering import one_to_one_error
from infogan.method.model import make_model
from infogan.pretraining.clustering import clustering
from infogan.runs.run import Run
from infogan.training.components.schedule import learning_rates
from infogan.training.state import state_of
from infogan.training.trainer import Trainer
from infogan.utils.errors import InfoganError
from infogan.utils.rng import make_rng

EXPECTED_FAILURES = {
    "check_do_not_raise_errors_in_init_or_set_params": "passes wrong types, which beartype refuses "
    "in tests; test_init_accepts_any_value runs it without beartype"
}


@parametrize_with_checks(
    [InfoGAN("cat:3 unif:1 noise:2", max_iter=2, device="cpu")],
    expected_failed_checks=lambda _: EXPECTED_FAILURES,
)
def test_scikit_learn_checks(estimator: InfoGAN, check: Any) -> None:
    check(estimator)


def test_init_accepts_any_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(InfoGAN, "__init__", inspect.unwrap(InfoGAN.__init__))
    check_do_not_raise_errors_in_init_or_set_params("InfoGAN", InfoGAN())


@pytest.fixture(scope="module")
def blobs() -> tuple[np.ndarray, np.ndarray]:
    """Rows around three centres far apart, in columns of very different scale, and the centre of each row."""
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=300)
    X = 3 * np.eye(5)[y] + 0.3 * rng.normal(size=(300, 5))
    return X * 10.0 ** np.arange(5) + 3, y


@pytest.fixture(scope="module")
def fitted(blobs: tuple[np.ndarray, np.ndarray]) -> InfoGAN:
    return InfoGAN("cat:3 unif:1 noise:4", max_iter=150, lam=1.0, random_state=0, device="cpu").fit(blobs[0])


def is_same_clustering(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two clusterings are equal up to a permutation."""
    pairs = {(int(i), int(j)) for i, j in zip(a, b, strict=True)}
    return len(pairs) == len(set(a)) == len(set(b))


def test_distant_clusters_become_categories(fitted: InfoGAN, blobs: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = blobs
    assert is_same_clustering(fitted.predict(X), y)
    assert fitted.L_I_[0] > 0.8 * np.log(3)


def test_inverse_transform_returns_similar_rows(
    fitted: InfoGAN, blobs: tuple[np.ndarray, np.ndarray]
) -> None:
    X, y = blobs
    back = fitted.inverse_transform(fitted.transform(X))
    centres = np.stack([X[y == k].mean(axis=0) for k in range(3)])
    near = np.abs((back[:, None] - centres) / X.std(axis=0)).sum(axis=2).argmin(axis=1)
    assert (near == y).mean() == 1
    assert fitted.score(X) > 0.5
    samples = fitted.sample(500)
    assert np.abs((samples.mean(axis=0) - X.mean(axis=0)) / X.std(axis=0)).max() < 0.4


def test_inverse_transform_of_a_row_does_not_depend_on_the_others(fitted: InfoGAN) -> None:
    C = np.array([[0, -1], [1, 0.5], [2, 0], [0, -1]])
    whole = fitted.inverse_transform(C)
    np.testing.assert_array_equal(whole[0], whole[3])
    np.testing.assert_allclose(whole[1:2], fitted.inverse_transform(C[1:2]), rtol=1e-5)


def test_probabilities_are_q(fitted: InfoGAN, blobs: tuple[np.ndarray, np.ndarray]) -> None:
    X, _ = blobs
    p = fitted.predict_proba(X)
    pre = fitted.preprocessor_
    x = torch.tensor((X - pre.mean) / pre.scale, dtype=torch.float32)[:, None, None]
    with torch.no_grad():
        q = fitted.model_.D(x).q[0].double().softmax(dim=1).numpy()
    np.testing.assert_allclose(p, q, atol=1e-5)
    np.testing.assert_array_equal(p.argmax(axis=1), fitted.predict(X))
    coins = InfoGAN("unif:1 bern:1 noise:2", max_iter=2, random_state=0, device="cpu").fit(X)
    np.testing.assert_allclose(coins.predict_proba(X).sum(axis=1), 1)
    np.testing.assert_array_equal(coins.predict_proba(X).argmax(axis=1), coins.transform(X)[:, 1])


def test_score_is_r2_of_the_reconstruction(fitted: InfoGAN, blobs: tuple[np.ndarray, np.ndarray]) -> None:
    X, _ = blobs
    standard = StandardScaler().fit_transform(X)
    r2 = 1 + fitted.score_samples(X).mean() / standard.var(axis=0).mean()
    assert fitted.score(X) == pytest.approx(r2)
    latent, G = fitted.model_.latent, fitted.model_.G
    z = latent.sample_z(16, make_rng(fitted.seed_, "told"))
    c = latent.embed(torch.from_numpy(fitted.transform(X[:1])).float().expand(16, -1))
    with torch.no_grad():
        mean = G(z, c).mean(dim=0).flatten().numpy()
    assert fitted.score_samples(X[:1])[0] == pytest.approx(-((standard[0] - mean) ** 2).mean(), rel=1e-4)
    with_outlier = np.vstack([X, X.mean(axis=0) + 20 * X.std(axis=0)])
    assert fitted.score_samples(with_outlier).argmin() == len(X)


def test_columns_are_scaled_one_by_one_or_together() -> None:
    X = np.array([[0.0, 0, 7], [2, 20, 7]])
    np.testing.assert_allclose(Preprocessor.fit(X, "columns").scale, [1, 10, 1])
    np.testing.assert_allclose(Preprocessor.fit(X, "all").scale, np.sqrt(101 / 3))
    preprocessor = Preprocessor.fit(X, "columns")
    np.testing.assert_array_equal(preprocessor.transform(X)[:, 0, 0], [[-1, -1, 0], [1, 1, 0]])
    np.testing.assert_array_equal(preprocessor.inverse_transform(preprocessor.transform(X)), X)


@pytest.mark.parametrize("shape", [(6, 5, 4), (6, 5, 4, 3)])
def test_images_are_converted_and_back(shape: tuple[int, ...]) -> None:
    X = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    preprocessor = Preprocessor.fit(X, "columns")
    x = preprocessor.transform(X)
    assert x.shape == (6, 1 if len(shape) == 3 else 3, 5, 4)
    assert x[2, -1, 4, 1] == X[(2, 4, 1, -1) if len(shape) == 4 else (2, 4, 1)]
    np.testing.assert_array_equal(preprocessor.inverse_transform(x), X)
    of_floats = Preprocessor.fit(X / 255, "columns")
    np.testing.assert_array_equal(of_floats.transform(X / 255), x)
    np.testing.assert_allclose(of_floats.inverse_transform(x), X / 255)


def test_images_are_clustered() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=120)
    X = 0.1 * rng.random((120, 8, 8))
    X[y == 0, :4] += 0.9
    X[y == 1, 4:] += 0.9
    images = InfoGAN("cat:2 noise:2", max_iter=200, batch_size=32, random_state=0, device="cpu").fit(X)
    assert is_same_clustering(images.predict(X), y)
    assert images.sample(3).shape == (3, 8, 8)
    assert images.sample(3).max() <= 1
    assert images.inverse_transform([[0], [1]]).dtype == X.dtype
    np.testing.assert_array_equal(images.predict(X), images.predict((X * 255).round().astype(np.uint8)))
    with pytest.raises(InfoganError, match=r"rows of shape \(64,\), but was fitted on \(8, 8\)"):
        images.predict(X.reshape(120, 64))


@pytest.mark.night
def test_transforms_start_with_clustering() -> None:
    digits = load("digits")
    assert digits.labels is not None
    X = digits.pixels.take(torch.arange(1_200)).numpy()[:, 0]
    transforms = get_preset("mnist").pretraining.transforms
    options = {"transforms": transforms, "pretraining_steps": 200}
    estimator = InfoGAN("cat:10 noise:8", max_iter=100, options=options, random_state=0, device="cpu")
    error = one_to_one_error(digits.labels.numbers[:1_200], estimator.fit_predict(X))
    assert error < 0.2  # 0.66 without clusters, after so few steps
    default = custom_images("X", 1_200, (1, 8, 8), "cat:10 noise:8", transforms)
    changed = {"steps": default.optimisation.steps, "pretraining_steps": 1_000, "seed": 0, "device": "auto"}
    changed |= {"binary": None}  # found in X
    assert estimator.config_.replace(**changed) == default


@pytest.mark.parametrize(
    ("n", "steps"),
    [(20, 1_000), (360, 1_000), (1_000, 1_600), (3_000, 4_700), (10_000, 5_000), (40_000, 10_000)],
)
def test_the_steps_over_images_depend_on_their_number(n: int, steps: int) -> None:
    """100 epochs of 64 images, at least 1,000 steps, at most those of `infogan train`."""
    config = make_config(n, (1, 32, 32), False, "cat:10 unif:2", {}, None)
    assert config.optimisation.steps == steps
    assert make_config(n, (1, 32, 32), False, "cat:10", {"steps": 7}, None).optimisation.steps == 7


@pytest.mark.parametrize(
    ("verbose", "is_terminal", "shown"),
    [(None, True, True), (None, False, False), (0, True, False), (1, False, True)],
)
def test_progress_is_shown_in_a_terminal(
    verbose: int | None, is_terminal: bool, shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stderr = Console(file=io.StringIO(), force_terminal=is_terminal)
    monkeypatch.setattr("infogan.estimator.training.standard_error", lambda: stderr)
    estimator = InfoGAN("cat:2 noise:2", max_iter=2, device="cpu", verbose=verbose)
    estimator.fit(np.random.default_rng(0).normal(size=(20, 3)))
    assert isinstance(stderr.file, io.StringIO)
    assert ("InfoGAN" in stderr.file.getvalue()) == shown


def test_partial_fit_keeps_learning_rates_constant() -> None:
    X = np.zeros((20, 8, 8), np.uint8)
    options = {"transforms": "translate:0.1", "pretraining_steps": 3}
    estimator = InfoGAN("cat:2 noise:8", batch_size=20, options=options, device="cpu")
    config = estimator.partial_fit(X).partial_fit(X).config_
    assert estimator.n_iter_ == 2
    assert (config.pretraining.steps, config.optimisation.lr_decay_fraction) == (3, 0)


def test_a_loaded_estimator_does_not_cluster_again(tmp_path: Path) -> None:
    """The clusters would have other numbers than the categories that the code has learned."""
    X = load("digits").pixels.take(torch.arange(200)).numpy()[:, 0]
    options = {"transforms": "translate:0.1", "pretraining_steps": 6}
    fitted = InfoGAN("cat:10 noise:8", max_iter=2, options=options, random_state=0, device="cpu").fit(X)
    fitted.save(tmp_path / "a")
    loaded = InfoGAN.load(tmp_path / "a").partial_fit(X).partial_fit(X)
    assert (fitted.config_.pretraining.steps, loaded.config_.pretraining.steps) == (6, 0)
    rates = (learning_rates(each.config_, with_targets=each is fitted).lr_d for each in (fitted, loaded))
    assert tuple(rates) == (4e-4, 1e-4)


def test_clusters_are_not_used_for_other_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are a table of targets, one row per row of the first call."""
    monkeypatch.setattr(clustering, "MIN_STABILITY", -1.0)
    X = load("digits").pixels.take(torch.arange(300)).numpy()[:, 0]
    options = {"transforms": "translate:0.1", "pretraining_steps": 6}
    estimator = InfoGAN("cat:2 noise:8", options=options, random_state=0, device="cpu")
    for rows in (X[:100], X[:100]):
        assert "targets.0" in estimator.partial_fit(rows)._state.tensors
    for rows in (X[100:], X[:100]):
        assert "targets.0" not in estimator.partial_fit(rows)._state.tensors


def test_a_seed_repeats_a_fit(blobs: tuple[np.ndarray, np.ndarray]) -> None:
    X, _ = blobs
    threads = torch.get_num_threads()
    global_state = np.random.get_state()[1].copy()
    a, b, c, d = (
        InfoGAN("cat:3 noise:4", max_iter=10, random_state=s, device="cpu").fit(X)
        for s in (3, 3, 4, np.random.RandomState(3))
    )
    np.testing.assert_array_equal(a.predict_proba(X), b.predict_proba(X))
    np.testing.assert_array_equal(a.predict_proba(X), d.predict_proba(X))
    assert np.abs(a.predict_proba(X) - c.predict_proba(X)).max() > 1e-4
    np.testing.assert_array_equal(a.sample(3), b.sample(3))
    assert np.abs(a.sample(3) - a.sample(3, random_state=1)).max() > 1e-4
    assert torch.get_num_threads() == threads
    np.testing.assert_array_equal(np.random.get_state()[1], global_state)


def test_a_copy_gives_the_same_results(
    fitted: InfoGAN, blobs: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    X, _ = blobs
    fitted.save(tmp_path / "a")
    fitted.save(tmp_path / "a")  # overwrites it
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == [
        "config.json",
        "estimator.json",
        "model.safetensors",
    ]
    copies = (
        InfoGAN.load(tmp_path / "a"),
        InfoGAN.from_pretrained(tmp_path / "a"),
        pickle.loads(pickle.dumps(fitted)),
    )
    for copy in copies:
        np.testing.assert_array_equal(copy.transform(X), fitted.transform(X))
        np.testing.assert_array_equal(copy.sample(5), fitted.sample(5))
        np.testing.assert_array_equal(copy.inverse_transform([[1, 0]]), fitted.inverse_transform([[1, 0]]))
        assert copy.get_params() == fitted.get_params()
        assert copy.score(X) == fitted.score(X)
        assert copy.n_iter_ == fitted.n_iter_
    copies[0].partial_fit(X)
    assert copies[0].n_iter_ == fitted.n_iter_ + 5


def test_partial_fit_is_one_epoch(blobs: tuple[np.ndarray, np.ndarray]) -> None:
    X, _ = blobs
    parts = InfoGAN("cat:3 noise:4", batch_size=50, random_state=0, device="cpu")
    parts.partial_fit(X[:120])
    assert parts.n_iter_ == 3
    preprocessor, before = parts.preprocessor_, parts.predict_proba(X)
    parts.partial_fit(X[120:])
    assert parts.n_iter_ == 7
    parts.partial_fit(X[:7])  # fewer rows than a batch
    assert parts.n_iter_ == 8
    assert parts.preprocessor_ is preprocessor
    assert np.abs(parts.predict_proba(X) - before).max() > 1e-4
    assert not parts.model_.D.training
    again = InfoGAN("cat:3 noise:4", batch_size=50, random_state=0, device="cpu", max_iter=6)
    once = again.fit(X[:100]).predict_proba(X)
    parts = InfoGAN("cat:3 noise:4", batch_size=50, random_state=0, device="cpu")
    for _ in range(3):  # two steps each: three epochs, as in fit
        parts.partial_fit(X[:100])
    np.testing.assert_array_equal(parts.predict_proba(X), once)
    parts.max_iter = 1
    assert parts.fit(X[:100]).n_iter_ == 1  # fit starts again


def test_pandas_in_and_out(blobs: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    table = pd.DataFrame(blobs[0], columns=list("abcde"), index=np.arange(300) + 7)
    estimator = InfoGAN("cat:3 unif:1 noise:4", max_iter=2, random_state=0, device="cpu")
    codes = estimator.set_output(transform="pandas").fit_transform(table)
    assert list(codes.columns) == ["c1", "c2"]
    assert list(codes.index) == list(table.index)
    estimator.save(tmp_path / "a")
    loaded = InfoGAN.load(tmp_path / "a")
    np.testing.assert_array_equal(loaded.feature_names_in_, list("abcde"))
    with pytest.raises(ValueError, match="feature names should match"):
        loaded.transform(table.rename(columns={"a": "z"}))


def test_in_a_pipeline_and_a_search(blobs: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = blobs
    pipeline = make_pipeline(
        StandardScaler(), InfoGAN("cat:3 noise:4", max_iter=100, lam=1.0, random_state=0, device="cpu")
    )
    search = GridSearchCV(pipeline, {"infogan__max_iter": [1, 100]}, cv=2, error_score="raise").fit(X)
    assert search.best_params_ == {"infogan__max_iter": 100}
    assert is_same_clustering(search.predict(X), y)  # of the pipeline that it fits to all rows


X3 = np.random.default_rng(0).random((20, 3))
GRAY = np.zeros((20, 8, 8))


@pytest.mark.parametrize(
    ("parameters", "X", "sentence"),
    [
        ({"codes": "cat"}, X3, "'cat' is not of the form"),
        ({"codes": 3}, X3, "codes is 3"),
        ({"max_iter": 0}, X3, "steps is 0, but must be at least 1"),
        ({"max_iter": "many"}, X3, "steps is many, but must be a whole number"),
        ({"lam": [1, 2, 3, 4]}, X3, "lam is"),
        ({"lam": float("nan")}, X3, "lam is nan"),
        ({"scale": "rows"}, X3, "scale is 'rows'"),
        ({"device": "tpu"}, X3, "device is tpu, but must be one of"),
        ({"options": {"lrd": 1e-4}}, X3, "options cannot hold 'lrd'; did you mean 'lr_d'"),
        ({"options": {"steps": 3}}, X3, "options cannot hold 'steps'"),
        ({"options": {"architecture": "digits"}}, X3, "the images of X"),
        ({"options": {"lr_d": object()}}, X3, "must be a finite number"),
        ({}, np.zeros((20, 3, 8)), "sides of at least 4 pixels"),
        ({}, np.zeros((20, 3, 32, 32)), "sides of at least 4 pixels and at most 8 channels"),
        ({}, np.zeros((20, 8, 8, 1, 1)), "must be vectors"),
        ({}, GRAY - 1, "float64 from -1 to -1; bring floats to"),
        ({}, GRAY.astype(int) - 1, "int64 from -1 to -1; convert them to uint8"),
    ],
)
def test_invalid_input_is_refused(parameters: dict[str, Any], X: np.ndarray, sentence: str) -> None:
    estimator = InfoGAN(device="cpu")
    for name, value in parameters.items():
        setattr(estimator, name, value)  # __init__ would refuse wrong types in tests
    with pytest.raises(InfoganError, match=re.escape(sentence)):
        estimator.fit(X)


def test_invalid_calls_are_refused(fitted: InfoGAN, tmp_path: Path) -> None:
    with pytest.raises(InfoganError, match="the codes have 1 columns instead of 2"):
        fitted.inverse_transform([[0]])
    for category in (3, -1, 0.5):
        with pytest.raises(InfoganError, match="c1 must be one of its categories, 0 to 2"):
            fitted.inverse_transform([[category, 0]])
    numbers = InfoGAN("unif:1 noise:2", max_iter=1, device="cpu").fit(X3)
    for method in (numbers.predict, numbers.predict_proba):
        with pytest.raises(InfoganError, match="needs a discrete code, but codes has none"):
            method(X3)
    for X in (GRAY + np.nan, X3 * np.inf):
        with pytest.raises(ValueError, match="contains"):
            InfoGAN().fit(X)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    with pytest.raises(InfoganError, match="exists and is not a saved estimator"):
        fitted.save(tmp_path / "other")
    with pytest.raises(InfoganError, match=r"holds no estimator\.json"):
        InfoGAN.load(tmp_path / "other")
    fitted.save(tmp_path / "a")
    about = json.loads((tmp_path / "a" / "estimator.json").read_text())
    about["parameters"]["colour"] = "blue"
    (tmp_path / "a" / "estimator.json").write_text(json.dumps(about))
    with pytest.raises(InfoganError, match="another version"):
        InfoGAN.load(tmp_path / "a")
    (tmp_path / "a" / "estimator.json").write_text("{")
    with pytest.raises(InfoganError, match="cannot be read as a saved estimator"):
        InfoGAN.load(tmp_path / "a")
    fitted.save(tmp_path / "b")
    (tmp_path / "b" / "model.safetensors").write_bytes(safetensors.torch.save({"G.x": torch.zeros(1)}))
    with pytest.raises(InfoganError, match="cannot be read as a saved estimator"):
        InfoGAN.load(tmp_path / "b")


def test_a_run_becomes_an_estimator(tmp_path: Path) -> None:
    config = get_preset("digits-code").replace(steps=2, device="cpu")
    images = load("digits")
    trainer = Trainer(config, make_model(config), images)
    list(trainer.fit())
    run = Run.create(tmp_path / "run", trainer.config, len(images))
    run.save(trainer.n, state_of(trainer), {})
    estimator = InfoGAN.from_pretrained(tmp_path / "run")
    X = images.x[:50, 0]
    np.testing.assert_array_equal(estimator.transform(X), run.model().encode(images.x[:50]).values.numpy())
    assert estimator.sample(2).shape == (2, 8, 8)
    assert estimator.n_iter_ == 2
    estimator.save(tmp_path / "saved")
    np.testing.assert_array_equal(InfoGAN.load(tmp_path / "saved").transform(X), estimator.transform(X))
