"""InfoGAN as a scikit-learn estimator: scikit-learn's own checks, and what a user would notice."""

import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from infogan import InfoGAN
from infogan.config.presets import digits, get_preset, own
from infogan.data import load
from infogan.estimator.layout import Layout
from infogan.evaluation.clustering import one_to_one_error
from infogan.method.model import make_model
from infogan.runs.run import Run
from infogan.training.trainer import Trainer
from infogan.utils.errors import InfoganError
from infogan.utils.rng import make_rng

ROOT = Path(__file__).parent.parent
UNDER_TYPES = {
    "check_do_not_raise_errors_in_init_or_set_params": "wrong types to __init__, which beartype forbids "
    "in this run of tests; without beartype it is run by test_init_takes_whatever_it_is_given"
}


@parametrize_with_checks(
    [InfoGAN("cat:3 unif:1 noise:2", steps=2, device="cpu")],
    expected_failed_checks=lambda _: UNDER_TYPES,
)
def test_scikit_learns_own_checks(estimator: InfoGAN, check: Any) -> None:
    check(estimator)


def test_init_takes_whatever_it_is_given() -> None:
    code = (
        "import sklearn.utils.estimator_checks as checks\n"
        "from infogan import InfoGAN\n"
        "checks.check_do_not_raise_errors_in_init_or_set_params('InfoGAN', InfoGAN())"
    )
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], env=env, timeout=90, check=True)


@pytest.fixture(scope="module")
def blobs() -> tuple[np.ndarray, np.ndarray]:
    """Rows of columns in units of 1, 10, 100, ... about three centres far apart, and the centre of each."""
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=300)
    X = 3 * np.eye(5)[y] + 0.3 * rng.normal(size=(300, 5))
    return X * 10.0 ** np.arange(5) + 3, y


@pytest.fixture(scope="module")
def fitted(blobs: tuple[np.ndarray, np.ndarray]) -> InfoGAN:
    return InfoGAN("cat:3 unif:1 noise:4", steps=150, lam=1.0, random_state=0, device="cpu").fit(blobs[0])


def agree(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two clusterings are the same but for names."""
    pairs = {(int(i), int(j)) for i, j in zip(a, b, strict=True)}
    return len(pairs) == len(set(a)) == len(set(b))


def test_clusters_far_apart_are_categories(fitted: InfoGAN, blobs: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = blobs
    assert agree(fitted.predict(X), y)
    assert fitted.L_I_[0] > 0.8 * np.log(3)


def test_codes_go_back_to_rows_like_those_that_they_were_read_off(
    fitted: InfoGAN, blobs: tuple[np.ndarray, np.ndarray]
) -> None:
    X, y = blobs
    back = fitted.inverse_transform(fitted.transform(X))
    centres = np.stack([X[y == k].mean(axis=0) for k in range(3)])
    near = np.abs((back[:, None] - centres) / X.std(axis=0)).sum(axis=2).argmin(axis=1)
    assert (near == y).mean() == 1
    assert fitted.score(X) > 0.5
    made = fitted.sample(500)
    assert np.abs((made.mean(axis=0) - X.mean(axis=0)) / X.std(axis=0)).max() < 0.4


def test_inverse_transform_is_a_function_of_the_row(fitted: InfoGAN) -> None:
    C = np.array([[0, -1], [1, 0.5], [2, 0], [0, -1]])
    whole = fitted.inverse_transform(C)
    np.testing.assert_array_equal(whole[0], whole[3])
    np.testing.assert_allclose(whole[1:2], fitted.inverse_transform(C[1:2]), rtol=1e-5)


def test_probabilities_are_q(fitted: InfoGAN, blobs: tuple[np.ndarray, np.ndarray]) -> None:
    X, _ = blobs
    p = fitted.predict_proba(X)
    layout = fitted.layout_
    x = torch.tensor((X - layout.mean) / layout.scale, dtype=torch.float32)[:, None, None]
    with torch.no_grad():
        q = fitted.model_.D(x).q[0].double().softmax(dim=1).numpy()
    np.testing.assert_allclose(p, q, atol=1e-5)
    np.testing.assert_array_equal(p.argmax(axis=1), fitted.predict(X))
    coins = InfoGAN("unif:1 bern:1 noise:2", steps=2, random_state=0, device="cpu").fit(X)
    np.testing.assert_allclose(coins.predict_proba(X).sum(axis=1), 1)
    np.testing.assert_array_equal(coins.predict_proba(X).argmax(axis=1), coins.transform(X)[:, 1])


def test_score_is_the_share_of_variance(fitted: InfoGAN, blobs: tuple[np.ndarray, np.ndarray]) -> None:
    X, _ = blobs
    standard = StandardScaler().fit_transform(X)
    share = 1 + fitted.score_samples(X).mean() / standard.var(axis=0).mean()
    assert fitted.score(X) == pytest.approx(share)
    latent, G = fitted.model_.latent, fitted.model_.G
    z = latent.sample_z(16, make_rng(fitted.seed_, "told"))
    c = latent.embed(torch.from_numpy(fitted.transform(X[:1])).float().expand(16, -1))
    with torch.no_grad():
        mean = G(z, c).mean(dim=0).flatten().numpy()
    assert fitted.score_samples(X[:1])[0] == pytest.approx(-((standard[0] - mean) ** 2).mean(), rel=1e-4)
    odd = np.vstack([X, X.mean(axis=0) + 20 * X.std(axis=0)])
    assert fitted.score_samples(odd).argmin() == len(X)


def test_the_scale_is_of_each_column_or_of_all() -> None:
    X = np.array([[0.0, 0, 7], [2, 20, 7]])
    np.testing.assert_allclose(Layout.of(X, "columns").scale, [1, 10, 1])
    np.testing.assert_allclose(Layout.of(X, "all").scale, np.sqrt(101 / 3))
    layout = Layout.of(X, "columns")
    np.testing.assert_array_equal(layout.to_networks(X)[:, 0, 0], [[-1, -1, 0], [1, 1, 0]])
    np.testing.assert_array_equal(layout.from_networks(layout.to_networks(X)), X)


@pytest.mark.parametrize("shape", [(6, 5, 4), (6, 5, 4, 3)])
def test_images_go_through_the_networks_layout_and_back(shape: tuple[int, ...]) -> None:
    X = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    layout = Layout.of(X, "columns")
    x = layout.to_networks(X)
    assert x.shape == (6, 1 if len(shape) == 3 else 3, 5, 4)
    assert x[2, -1, 4, 1] == X[(2, 4, 1, -1) if len(shape) == 4 else (2, 4, 1)]
    np.testing.assert_array_equal(layout.from_networks(x), X)
    floats = Layout.of(X / 255, "columns")
    np.testing.assert_array_equal(floats.to_networks(X / 255), x)
    np.testing.assert_allclose(floats.from_networks(x), X / 255)


def test_images_are_clustered_too() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=120)
    X = 0.1 * rng.random((120, 8, 8))
    X[y == 0, :4] += 0.9
    X[y == 1, 4:] += 0.9
    images = InfoGAN("cat:2 noise:2", steps=200, batch=32, random_state=0, device="cpu").fit(X)
    assert agree(images.predict(X), y)
    assert images.sample(3).shape == (3, 8, 8)
    assert images.sample(3).max() <= 1
    assert images.inverse_transform([[0], [1]]).dtype == X.dtype
    np.testing.assert_array_equal(images.predict(X), images.predict((X * 255).round().astype(np.uint8)))
    with pytest.raises(InfoganError, match=r"rows of shape \(64,\), but was fitted on \(8, 8\)"):
        images.predict(X.reshape(120, 64))


def test_kinds_are_looked_for_where_a_motion_is_named() -> None:
    digits = load("digits")
    assert digits.labels is not None
    X = digits.pixels.take(torch.arange(1_200)).numpy()[:, 0]
    options = {"motion": get_preset("mnist-best").motion, "warm_up": 300}
    few = InfoGAN("cat:10 noise:8", steps=300, options=options, random_state=0, device="cpu")
    assert one_to_one_error(digits.labels[:1_200], few.fit_predict(X)) < 0.2  # 0.66 without kinds
    whole = own("X", 1_200, (1, 8, 8), "cat:10 noise:8", options["motion"])
    assert few.config_.replace(steps=whole.steps, pretraining_steps=1_000, seed=0, device="auto") == whole


def test_rates_do_not_fall_in_a_pass_over_a_chunk() -> None:
    X = np.zeros((20, 8, 8), np.uint8)
    options = {"motion": "translate:0.1", "warm_up": 3}
    chunk = InfoGAN("cat:2 noise:8", batch=20, options=options, device="cpu").partial_fit(X).partial_fit(X)
    assert (chunk.n_iter_, chunk.config_.warm_up, chunk.config_.lr_decay) == (2, 3, 0)


def test_what_was_loaded_looks_for_no_kinds_again(tmp_path: Path) -> None:
    """It would name them otherwise than the codes do by now."""
    X = load("digits").pixels.take(torch.arange(200)).numpy()[:, 0]
    options = {"motion": "translate:0.1", "warm_up": 6}
    fitted = InfoGAN("cat:10 noise:8", steps=2, options=options, random_state=0, device="cpu").fit(X)
    fitted.save(tmp_path / "a")
    loaded = InfoGAN.load(tmp_path / "a").partial_fit(X).partial_fit(X)
    assert (fitted.config_.warm_up, loaded.config_.warm_up) == (6, 0)
    assert loaded.config_.lr_d == fitted.config_.lr_d / 2  # as of any training without kinds


def test_a_seed_gives_the_same_bits(blobs: tuple[np.ndarray, np.ndarray]) -> None:
    X, _ = blobs
    threads = torch.get_num_threads()
    numbers = np.random.get_state()[1].copy()
    a, b, c, d = (
        InfoGAN("cat:3 noise:4", steps=10, random_state=s, device="cpu").fit(X)
        for s in (3, 3, 4, np.random.RandomState(3))
    )
    np.testing.assert_array_equal(a.predict_proba(X), b.predict_proba(X))
    np.testing.assert_array_equal(a.predict_proba(X), d.predict_proba(X))
    assert np.abs(a.predict_proba(X) - c.predict_proba(X)).max() > 1e-4
    np.testing.assert_array_equal(a.sample(3), b.sample(3))
    assert np.abs(a.sample(3) - a.sample(3, random_state=1)).max() > 1e-4
    assert torch.get_num_threads() == threads
    np.testing.assert_array_equal(np.random.get_state()[1], numbers)


def test_saved_and_loaded_it_answers_the_same(
    fitted: InfoGAN, blobs: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    X, _ = blobs
    fitted.save(tmp_path / "a")
    fitted.save(tmp_path / "a")  # over what was saved there
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


def test_partial_fit_is_a_pass_over_a_chunk(blobs: tuple[np.ndarray, np.ndarray]) -> None:
    X, _ = blobs
    parts = InfoGAN("cat:3 noise:4", batch=50, random_state=0, device="cpu")
    parts.partial_fit(X[:120])
    assert parts.n_iter_ == 3
    layout, before = parts.layout_, parts.predict_proba(X)
    parts.partial_fit(X[120:])
    assert parts.n_iter_ == 7
    parts.partial_fit(X[:7])  # less than a batch is a batch
    assert parts.n_iter_ == 8
    assert parts.layout_ is layout
    assert np.abs(parts.predict_proba(X) - before).max() > 1e-4
    assert not parts.model_.D.training
    again = InfoGAN("cat:3 noise:4", batch=50, random_state=0, device="cpu", steps=6)
    once = again.fit(X[:100]).predict_proba(X)
    parts = InfoGAN("cat:3 noise:4", batch=50, random_state=0, device="cpu")
    for _ in range(3):  # two updates each: three epochs, as of fit
        parts.partial_fit(X[:100])
    np.testing.assert_array_equal(parts.predict_proba(X), once)
    parts.steps = 1
    assert parts.fit(X[:100]).n_iter_ == 1  # fit begins anew


def test_pandas_in_and_out(blobs: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    table = pd.DataFrame(blobs[0], columns=list("abcde"), index=np.arange(300) + 7)
    estimator = InfoGAN("cat:3 unif:1 noise:4", steps=2, random_state=0, device="cpu")
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
        StandardScaler(), InfoGAN("cat:3 noise:4", steps=100, lam=1.0, random_state=0, device="cpu")
    )
    assert agree(pipeline.fit_predict(X), y)
    search = GridSearchCV(pipeline, {"infogan__updates": [1, 100]}, cv=2, error_score="raise").fit(X)
    assert search.best_params_ == {"infogan__updates": 100}


X3 = np.random.default_rng(0).random((20, 3))
GRAY = np.zeros((20, 8, 8))


@pytest.mark.parametrize(
    ("parameters", "X", "sentence"),
    [
        ({"codes": "cat"}, X3, "'cat' is not of the form"),
        ({"codes": 3}, X3, "codes is 3"),
        ({"steps": 0}, X3, "updates is 0, but must be at least 1"),
        ({"steps": "many"}, X3, "updates is many, but must be of type int"),
        ({"lam": [1, 2, 3, 4]}, X3, "lam is"),
        ({"lam": float("nan")}, X3, "lam is nan"),
        ({"scale": "rows"}, X3, "scale is 'rows'"),
        ({"device": "tpu"}, X3, "device is tpu, but must be one of"),
        ({"options": {"lrd": 1e-4}}, X3, "options cannot hold 'lrd'; did you mean 'lr_d'"),
        ({"options": {"steps": 3}}, X3, "options cannot hold 'updates'"),
        ({"options": {"net": "digits"}}, X3, "the images of X"),
        ({"options": {"lr_d": object()}}, X3, "is of no type"),
        ({}, np.zeros((20, 3, 8)), "4 pixels a side"),
        ({}, np.zeros((20, 3, 32, 32)), "4 pixels a side or more and at most 4 channels"),
        ({}, np.zeros((20, 8, 8, 1, 1)), "must be vectors"),
        ({}, GRAY - 1, "float64, -1 to -1; bring them to uint8"),
        ({}, GRAY.astype(int), "int64"),
    ],
)
def test_bad_input_gets_a_sentence(parameters: dict[str, Any], X: np.ndarray, sentence: str) -> None:
    estimator = InfoGAN(device="cpu")
    for name, value in parameters.items():
        setattr(estimator, name, value)  # as __init__ does, without the types that this test run checks
    with pytest.raises(InfoganError, match=re.escape(sentence)):
        estimator.fit(X)


def test_bad_questions_get_a_sentence(fitted: InfoGAN, tmp_path: Path) -> None:
    with pytest.raises(InfoganError, match="the codes have 1 columns, but should have 2"):
        fitted.inverse_transform([[0]])
    for category in (3, -1, 0.5):
        with pytest.raises(InfoganError, match="c1 must be one of its categories, 0 to 2"):
            fitted.inverse_transform([[category, 0]])
    numbers = InfoGAN("unif:1 noise:2", steps=1, device="cpu").fit(X3)
    for ask in (numbers.predict, numbers.predict_proba):
        with pytest.raises(InfoganError, match="none among the codes"):
            ask(X3)
    for X in (GRAY + np.nan, X3 * np.inf):
        with pytest.raises(ValueError, match="contains"):
            InfoGAN().fit(X)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    with pytest.raises(InfoganError, match="is there already and is no saved estimator"):
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
    config = digits().replace(steps=2, device="cpu")
    images = load("digits")
    trainer = Trainer(config, make_model(config), images)
    list(trainer.fit())
    run = Run.create(tmp_path / "run", trainer.config, len(images))
    run.save(trainer.n, trainer.state(), {})
    estimator = InfoGAN.from_pretrained(tmp_path / "run")
    X = images.x[:50, 0]
    np.testing.assert_array_equal(estimator.transform(X), run.model().encode(images.x[:50]).values.numpy())
    assert estimator.sample(2).shape == (2, 8, 8)
    assert estimator.n_iter_ == 2


def test_the_tutorial_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "tutorials" / "vectors.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 4
    code = "\n".join(blocks)
    names: dict[str, Any] = {}
    exec(code.replace("random_state=0", 'random_state=0, updates=20, device="cpu"'), names)
    assert names["category"].shape == (1797,)
    assert names["codes"].shape == (1797, 3)
    assert names["p"].shape == (1797, 10)
    assert names["rows"].shape == (2, 64)
    assert names["new"].shape == (100, 64)
    assert set(names["search"].best_params_) == {"lam"}
