"""Training and encoding in a process whose PyTorch is set otherwise, and in forked children."""

import multiprocessing
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from infogan import InfoGAN
from infogan.data import Images
from infogan.method.model import make_model
from infogan.training.trainer import Trainer
from tests.trainers import CONFIG

RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(60, 4))
PICTURES = RNG.integers(0, 256, (60, 16, 16), np.uint8)


@contextmanager
def float64_by_default() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


STATES: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "float64 by default": float64_by_default,
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
}


def fit(X: np.ndarray, **options: object) -> InfoGAN:
    return InfoGAN("cat:2 unif:1 circ:1 noise:4", max_iter=3, random_state=0, options=options).fit(X)


def outputs(model: InfoGAN, X: np.ndarray, folder: Path) -> list[np.ndarray]:
    codes = model.transform(X)
    model.save(folder)
    loaded = InfoGAN.load(folder).partial_fit(X)
    results = [codes, model.predict_proba(X), model.inverse_transform(codes), model.sample(3)]
    return [*results, model.score_samples(X), loaded.transform(X), model.partial_fit(X).transform(X)]


@pytest.mark.parametrize("X", [VECTORS, PICTURES], ids=["vectors", "images"])
@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_results_do_not_depend_on_the_state_of_pytorch(
    state: Callable[[], AbstractContextManager[None]], X: np.ndarray, tmp_path: Path
) -> None:
    expected = outputs(fit(X), X, tmp_path / "a")
    with state():
        found = outputs(fit(X), X, tmp_path / "b")
    for a, b in zip(expected, found, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_a_trainer_does_not_depend_on_the_state_of_pytorch(
    state: Callable[[], AbstractContextManager[None]],
) -> None:
    def weights() -> list[np.ndarray]:
        config = CONFIG.replace(steps=2)
        model = make_model(config)
        shape = (64, *config.networks.image_shape)
        x = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        for _ in Trainer(config, model, Images.from_arrays(x)).fit():
            assert torch.is_grad_enabled() == before
        return [value.numpy().copy() for value in model.state_dict().values()]

    before = True
    expected = weights()
    with state():
        before = torch.is_grad_enabled()
        found = weights()
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(a, b)


def _fit_and_sum(_: int) -> float:
    return float(np.abs(fit(VECTORS).transform(VECTORS)).sum())


@pytest.mark.skipif(sys.platform != "linux", reason="multiprocessing forks on Linux only")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_trains_after_its_parent_has_with_two_threads() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        a = torch.randn(600, 600, generator=torch.Generator().manual_seed(0))
        assert (a @ a).shape == (600, 600)  # large enough for two threads
        InfoGAN("cat:2", max_iter=2, random_state=0).fit(np.tile(VECTORS, (8, 8))).transform(
            np.tile(VECTORS, (8, 8))
        )
        with multiprocessing.get_context("fork").Pool(1) as pool:
            found = pool.apply_async(_fit_and_sum, (0,)).get(timeout=60)
    finally:
        torch.set_num_threads(before)
    assert found == pytest.approx(_fit_and_sum(0))
