"""z of given images: least squares if G is linear, and what holds for every G."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from infogan.config import Config
from infogan.method.inversion import Inversion, learn_inversion, make_encoder
from infogan.method.latent import Latent, Noise
from infogan.method.model import Model, make_model
from infogan.method.networks import Generator, init_weights
from infogan.runs.inversion import INVERSION_FILE, load_inversion, save_inversion
from infogan.runs.run import Run
from infogan.utils.errors import InfoganError
from infogan.utils.rng import make_rng

CODES = "cat:3 unif:1 circ:1 noise:5"


def linear(noise: Noise = "uniform", width: int = 12) -> tuple[Model, Tensor, Tensor]:
    """A model whose G is x = A z + B c, with A of full rank; A; B. Its D is not used."""
    config = Config.from_options(
        images="digits", architecture="vectors", shape=(1, 1, width), codes=CODES, noise=noise
    )
    model = make_model(config)
    latent = Latent.parse(CODES, noise)
    layer = nn.Linear(latent.width, width, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(layer.weight.shape, generator=make_rng(0, "A and B")))
    G = Generator(latent, nn.Sequential(layer, nn.Unflatten(1, (1, 1, width))), (1, 1, width), None)
    weight = layer.weight.detach()
    return Model(latent, G, model.D), weight[:, : latent.n_z], weight[:, latent.n_z :]


def small(side: int = 8, codes: str = CODES, noise: Noise = "uniform", seed: int = 0) -> Model:
    """A model of small images whose G has large weights, so that z changes its images."""
    config = Config.from_options(
        images="digits", architecture="small", shape=(1, side, side), codes=codes, noise=noise, seed=seed
    )
    model = make_model(config)
    with torch.no_grad():
        for p in model.G.parameters():
            if p.ndim > 1:
                p.mul_(4)
    return model


def run_at(path: Path) -> Run:
    return Run(path, Config.from_options(images="digits", architecture="digits"))


def untrained(model: Model) -> Inversion:
    E = make_encoder(model)
    init_weights(E, make_rng(3, "E"))
    return Inversion(model, E)


def errors(model: Model, x: np.ndarray, values: Tensor, z: Tensor) -> Tensor:
    """The mean squared pixel error of each image, in G's own range."""
    with torch.no_grad():
        difference = model.G(z, model.latent.embed(values)) - model.G.to_range(torch.from_numpy(x))
    return difference.square().flatten(1).mean(dim=1)


def test_descent_finds_the_least_squares() -> None:
    """If G is linear, the best z solves A z = x - B c in the sense of least squares."""
    model, A, B = linear("normal")
    rng = make_rng(1, "images")
    values = model.sample_values(20, rng)
    z = 0.5 * model.latent.sample_z(20, rng)
    off = 0.3 * torch.randn(20, 12, generator=rng)  # what no z explains
    c = torch.cat(model.latent.embed(values), dim=1)
    x = z @ A.T + c @ B.T + off
    wanted = torch.linalg.lstsq(A, (x - c @ B.T).T).solution.T
    images = x.view(20, 1, 1, 12).numpy()
    found = untrained(model).invert(images, values, steps=600)
    assert wanted.abs().max() < 3  # so that the range of z plays no part
    torch.testing.assert_close(found, wanted, atol=2e-3, rtol=0)


@pytest.mark.parametrize(("noise", "reach"), [("uniform", 1.0), ("normal", 3.0)])
def test_z_stays_in_the_range_of_its_prior(noise: Noise, reach: float) -> None:
    model, A, _ = linear(noise)
    values = model.sample_values(8, make_rng(0, "values"))
    x = (10 * A.sum(dim=1)).expand(8, 1, 1, 12).contiguous().numpy()  # of z near 10
    inversion = untrained(model)
    assert noise == "normal" or inversion.estimate(x).abs().max() <= 1
    z = inversion.invert(x, values, steps=300)
    assert z.abs().max() == pytest.approx(reach)


def test_e_learns_z_from_the_samples_of_g() -> None:
    model, *_ = linear()
    *_, last = learn_inversion(model, steps=300)
    rng = make_rng(7, "new samples")
    z, values = model.latent.sample_z(200, rng), model.sample_values(200, rng)
    error = (last.inversion.estimate(model.decode(values, z)) - z).square().mean()
    assert error < 0.2 * (1 / 3)  # of the variance of Unif(-1, 1), which is the error of a guess


@pytest.mark.parametrize("steps", [0, 1, 3, 40])
def test_descent_makes_no_image_worse(steps: int) -> None:
    model = small()
    inversion = untrained(model)
    x = np.random.default_rng(0).integers(0, 256, (40, 1, 8, 8), np.uint8)  # of no G
    values = model.sample_values(40, make_rng(0, "values"))
    given = model.latent.sample_z(40, make_rng(0, "z"))
    for start in (None, given):
        z = inversion.invert(x, values, steps, start)
        before = errors(model, x, values, inversion.estimate(x) if start is None else start)
        after = errors(model, x, values, z)
        assert (after <= before + 1e-6).all()
        if steps == 40:
            assert after.mean() < 0.97 * before.mean()
        if steps == 0:
            torch.testing.assert_close(z, inversion.estimate(x) if start is None else start)


def test_descent_from_the_true_z_keeps_it() -> None:
    """There, a step of fixed length can only lead away."""
    model = small()
    rng = make_rng(2, "samples")
    z, values = model.latent.sample_z(30, rng), model.sample_values(30, rng)
    x = model.decode(values, z)
    for steps in (1, 3):
        found = untrained(model).invert(x, values, steps, z)
        assert (errors(model, x, values, found) <= errors(model, x, values, z) + 1e-9).all()


def test_descent_finds_samples_again() -> None:
    model = small()
    rng = make_rng(2, "samples")
    z, values = model.latent.sample_z(30, rng), model.sample_values(30, rng)
    x = model.decode(values, z)
    other = model.latent.sample_z(30, rng)
    found = untrained(model).invert(x, values, 100, other)
    assert errors(model, x, values, found).mean() < 0.1 * errors(model, x, values, other).mean()


def test_images_do_not_depend_on_each_other() -> None:
    model = small()
    x = np.random.default_rng(0).integers(0, 256, (300, 1, 8, 8), np.uint8)  # more than pass G at once
    values = model.sample_values(300, make_rng(0, "values"))
    inversion = untrained(model)
    together = inversion.invert(x, values, 3)
    assert together.shape == (300, 5)
    for i in (0, 255, 256, 299):
        alone = inversion.invert(x[i : i + 1], values[i : i + 1], 3)
        torch.testing.assert_close(together[i : i + 1], alone, atol=1e-3, rtol=0)


def test_the_seed_decides_what_is_learned_and_the_model_does_not_change() -> None:
    model = small()
    before = {k: v.clone() for net in (model.G, model.D) for k, v in net.state_dict().items()}
    x = model.sample(10, make_rng(0, "x"))
    estimates = []
    for seed in (0, 0, 1):
        torch.rand(1)  # no global state
        learned = list(learn_inversion(model, seed, steps=4))
        assert [(p.n, p.steps) for p in learned] == [(1, 4), (2, 4), (3, 4), (4, 4)]
        assert not learned[-1].inversion.E.training
        estimates.append(learned[-1].inversion.estimate(x))
    assert torch.equal(estimates[0], estimates[1])
    assert not torch.allclose(estimates[0], estimates[2])
    after = {k: v for net in (model.G, model.D) for k, v in net.state_dict().items()}
    assert all(torch.equal(before[k], after[k]) for k in before)
    assert all(p.grad is None for p in model.G.parameters())


def test_it_can_be_used_between_two_steps_of_learning() -> None:
    """The explorer uses E while E learns, which does not change what E learns."""
    model = small()
    x = model.sample(10, make_rng(0, "x"))
    *_, undisturbed = learn_inversion(model, steps=5)
    for progress in learn_inversion(model, steps=5):
        progress.inversion.invert(x, model.encode(x).values, 2)
    assert torch.equal(progress.inversion.estimate(x), undisturbed.inversion.estimate(x))


def test_without_noise_z_is_empty(tmp_path: Path) -> None:
    model = small(codes="cat:3 noise:0")
    *_, last = learn_inversion(model)
    x = model.sample(4, make_rng(0, "x"))
    assert last.n == last.steps
    assert last.inversion.estimate(x).shape == (4, 0)
    assert last.inversion.invert(x, model.encode(x).values).shape == (4, 0)
    save_inversion(run_at(tmp_path), last.inversion)
    assert load_inversion(run_at(tmp_path), model) is not None


@pytest.mark.parametrize("shape", [(1, 9, 50), (3, 33, 8), (1, 13, 7), (2, 64, 64)])
def test_any_shape(shape: tuple[int, int, int]) -> None:
    model = make_model(
        Config.from_options(images="digits", architecture="small", shape=shape, codes="cat:3 noise:4")
    )
    *_, last = learn_inversion(model, steps=1)
    assert last.inversion.estimate(model.sample(3, make_rng(0, "x"))).shape == (3, 4)


def test_images_of_another_shape_are_refused() -> None:
    inversion = untrained(small())
    wrong = np.zeros((1, 1, 9, 8), np.uint8)
    with pytest.raises(InfoganError, match=r"\(1, 9, 8\), but the networks take \(1, 8, 8\)"):
        inversion.estimate(wrong)
    with pytest.raises(InfoganError, match=r"\(1, 9, 8\)"):
        inversion.invert(wrong, torch.zeros(1, 3), z=torch.zeros(1, 5))


def test_it_is_saved_with_its_run(tmp_path: Path) -> None:
    model = small()
    run = run_at(tmp_path)
    assert load_inversion(run, model) is None
    *_, last = learn_inversion(model, steps=20)
    x = model.sample(50, make_rng(0, "x"))
    path = save_inversion(run, last.inversion)
    assert path == tmp_path / INVERSION_FILE
    again = load_inversion(run, model)
    assert again is not None
    # It is in half precision.
    torch.testing.assert_close(again.estimate(x), last.inversion.estimate(x), atol=5e-3, rtol=0)
    assert path.stat().st_size < 2.2 * sum(p.numel() for p in last.inversion.E.parameters()) + 5000


def test_a_damaged_one_or_one_of_other_weights_is_none(tmp_path: Path) -> None:
    model = small()
    run = run_at(tmp_path)
    path = save_inversion(run, untrained(model))
    content = path.read_bytes()
    assert load_inversion(run, small(seed=1)) is None
    assert load_inversion(run, small(side=16)) is None
    for damaged in (b"", content[:50], content[: len(content) // 2], b"x" + content):
        path.write_bytes(damaged)
        assert load_inversion(run, model) is None
    path.write_bytes(content)
    assert load_inversion(run, model) is not None
    with torch.no_grad():
        next(model.G.parameters())[0, 0] += 1e-3
    assert load_inversion(run, model) is None
