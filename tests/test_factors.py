"""The stage that finds numbers by autoencoding: its loss, its choice among runs, and what it finds."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import kstest, spearmanr
from torch import Tensor
from torch.testing import assert_close

from infogan.config import Config
from infogan.data import Images
from infogan.data.images import InMemoryPixels
from infogan.method.codes.continuous import Gaussian, Uniform
from infogan.method.model import make_model
from infogan.pretraining import Outcome, Targets, make_stage
from infogan.pretraining.autoencoding import autoencoding, latents, mirror
from infogan.pretraining.autoencoding.choice import spearman, udr
from infogan.pretraining.autoencoding.mirror import odd_coordinate
from infogan.pretraining.autoencoding.vae import (
    VAE,
    Posterior,
    beta_tcvae_loss,
    mirror_error,
    total_correlation,
)
from infogan.pretraining.ranks import to_targets, uniform_ranks
from infogan.training.components.device import make_fabric
from infogan.utils.errors import InfoganError, NonFiniteError

CONFIG = Config.from_options(
    images="bars",
    architecture="small",
    shape=(1, 16, 16),
    codes="cat:2 unif:1 gauss:1 noise:4",
    factor_steps=120,
    device="cpu",
    precision="32-true",
)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def bars(n: int = 300) -> tuple[Tensor, Tensor]:
    """Vertical bars of random place (right) and brightness, uint8, and these two numbers."""
    place, light = torch.rand(2, n, generator=rng())
    axis = torch.arange(16.0)
    profile = (-(axis - (4 + 7 * place[:, None])).square() / 8).exp()
    pixels = 255 * (0.3 + 0.7 * light)[:, None, None, None] * profile[:, None, None, :]
    return pixels.expand(n, 1, 16, 16).round().byte(), torch.stack([place, light], dim=1)


def run(config: Config, x: Tensor, earlier: Targets | None = None) -> tuple[Outcome, list[int]]:
    images = Images(InMemoryPixels(x))
    stage = make_stage(make_model(config), images.pixels, config, make_fabric(config))
    steps = list(stage.run(earlier or Targets()))
    assert stage.n_steps == config.pretraining.factor_steps
    return stage.outcome, steps


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """To learn in seconds; with two runs, of which either has to do."""
    monkeypatch.setattr(autoencoding, "BATCH_SIZE", 32)
    monkeypatch.setattr(autoencoding, "LEARNING_RATE", 5e-3)
    monkeypatch.setattr(autoencoding, "N_RUNS", 2)


@pytest.fixture
def every_latent_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of a few steps, in which latents say little."""
    monkeypatch.setattr(latents, "MIN_INFORMATION", -1.0)
    monkeypatch.setattr(autoencoding, "BATCH_SIZE", 16)


# --- the loss ---


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.6])
def test_the_total_correlation_of_a_gaussian_is_that_by_hand(rho: float) -> None:
    """q(z) of three latents of variance 1, two of them correlated by rho: -log(1 - rho^2) / 2, in nats."""
    n, spread = 2000, 0.6
    covariance = torch.tensor([[1, rho, 0], [rho, 1, 0], [0, 0, 1]]) - spread**2 * torch.eye(
        3
    )  # of the means
    means = torch.randn(n, 3, generator=rng()) @ torch.linalg.cholesky(covariance).T
    q = Posterior(means, torch.full_like(means, 2 * math.log(spread)))
    z = q.sample(torch.randn(n, 3, generator=rng(1)))
    assert total_correlation(z, q).item() == pytest.approx(-0.5 * math.log(1 - rho**2), abs=0.04)


def test_information_is_the_divergence_of_two_gaussians() -> None:
    mean, std = 3 * torch.randn(2, 4, generator=rng()), torch.rand(2, 4, generator=rng(1)) + 0.1
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, std), torch.distributions.Normal(0.0, torch.ones(()))
    )
    assert_close(Posterior(mean, 2 * std.log()).information(), expected)


def test_the_loss_is_the_sum_of_the_tcvae_decomposition() -> None:
    """Chen et al., Eq. (2): information of index and code, total correlation, divergence of each latent."""
    vae, x = VAE(1, 0, 3, rng()), torch.rand(6, 1, 32, 32, generator=rng(1))
    noise, nothing = torch.randn(6, 3, generator=rng(2)), torch.zeros(6, 0)
    q = vae.encode(x)
    z = q.sample(noise)
    normal = torch.distributions.Normal(q.mean, (q.log_var / 2).exp())
    log_q_zx = normal.log_prob(z[:, None])  # of z i, image j, latent
    log_qz = log_q_zx.sum(dim=2).exp().mean(dim=1).log()
    log_qz_j = log_q_zx.exp().mean(dim=1).log()
    log_p_j = torch.distributions.Normal(0.0, torch.ones(())).log_prob(z)
    own = log_q_zx.diagonal().sum(dim=0)
    information, tc, rest = own - log_qz, log_qz - log_qz_j.sum(dim=1), (log_qz_j - log_p_j).sum(dim=1)
    assert_close(total_correlation(z, q), tc.mean())
    # The expected divergence is used in the loss in place of its draw, own - log p.
    correction = q.information().sum(dim=1) - (own - log_p_j.sum(dim=1))
    p = vae.decode(z, nothing).sigmoid()
    reconstruction = -4 * (x * p.log() + (1 - x) * (1 - p).log()).sum(dim=(1, 2, 3))
    expected = (reconstruction + information + 6 * tc + rest + correction).mean()
    assert_close(beta_tcvae_loss(vae, x, nothing, noise, 6.0, None), expected)


def test_the_mirror_error_is_0_only_where_signs_flip_as_they_should() -> None:
    signs = torch.tensor([-1.0, 1.0])
    q = Posterior(torch.tensor([[2.0, 3.0]]), torch.log(torch.tensor([[4.0, 0.25]])))
    flipped = q._replace(mean=signs * q.mean)
    assert mirror_error(q, flipped, signs) == 0
    # 4 apart where the variance is 4; 6 apart where it is 0.25
    assert_close(mirror_error(q, q, signs), torch.tensor(4.0))
    assert_close(mirror_error(q, q, -signs), torch.tensor(36 / 0.25))


def test_an_angle_has_no_ends() -> None:
    """Two angles on either side of the jump are close, and the mirror turns one around."""
    mean = torch.tensor([[math.pi - 0.1, 0.5], [0.1 - math.pi, 0.5]])
    q = Posterior(mean, torch.full_like(mean, math.log(0.04)), n_angles=1)
    assert_close(q.difference(mean[:1], mean[1:]), torch.tensor([[-0.2, 0.0]]))
    assert_close(mirror_error(q, q._replace(mean=mean.flip(0)), torch.tensor([-1.0, 1.0])), torch.tensor(0.0))
    # A uniform angle that is known to 0.2 radians: log 2 pi minus the entropy of the Gaussian, in nats.
    expected = math.log(2 * math.pi) - 0.5 * math.log(2 * math.pi * math.e * 0.04)
    assert_close(q.information()[:, 0], torch.full((2,), expected))
    assert Posterior(mean, torch.full_like(mean, 4.0), n_angles=1).information()[:, 0].max() == 0


def test_latents_are_to_be_independent_of_earlier_targets() -> None:
    n = 1000
    earlier = torch.randn(n, 1, generator=rng())
    q_earlier = Posterior(earlier, torch.full_like(earlier, math.log(0.25)))
    corrections = []
    for rho in (0.0, 0.9):
        mean = rho * earlier + (1 - rho**2) ** 0.5 * torch.randn(n, 1, generator=rng(1))
        q = Posterior(mean, torch.full_like(mean, math.log(0.25)))
        z, u = (p.sample(torch.randn(n, 1, generator=rng(seed))) for p, seed in ((q, 2), (q_earlier, 3)))
        corrections.append(total_correlation(z, q, (u, q_earlier)).item())
    rho = 0.9 / 1.25  # of z and u, which both have their own noise
    assert corrections == pytest.approx([0, -0.5 * math.log(1 - rho**2)], abs=0.04)


def test_the_weights_of_the_networks_depend_on_the_generator_alone() -> None:
    a, b, other = (dict(VAE(3, 1, 4, rng(seed), 2).named_parameters()) for seed in (0, 0, 1))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not any(torch.equal(a[name], other[name]) for name in a)


# --- ranks, and the choice among runs ---


def test_ranks_are_uniform_in_the_order_of_the_values() -> None:
    values = torch.randn(1001, generator=rng()).exp()
    found = uniform_ranks(values, torch.zeros(1001, dtype=torch.long))
    assert torch.equal(found.argsort(), values.argsort())
    assert_close(found.sort().values, torch.linspace(-1 + 1 / 1001, 1 - 1 / 1001, 1001))
    assert torch.equal(to_targets(found, Uniform()), found[:, None].half())
    normal = to_targets(found, Gaussian()).float()
    assert kstest(normal[:, 0].numpy(), "norm").statistic < 0.002


def test_spearman_is_scipys() -> None:
    a, b = torch.randn(50, 3, generator=rng()), torch.randn(50, 2, generator=rng(1))
    expected = spearmanr(a.numpy(), b.numpy()).statistic[:3, 3:]
    assert_close(spearman(a, b), torch.from_numpy(expected).float())


def test_udr_is_1_for_the_same_latents_in_any_order_and_near_0_for_unrelated_ones() -> None:
    z, unrelated = torch.randn(2000, 4, generator=rng()), torch.randn(2000, 4, generator=rng(1))
    z = torch.linalg.qr(z).Q
    permuted = -z[:, [2, 0, 3, 1]].exp()  # another order, sign and scale
    everything = torch.ones(4, dtype=torch.bool)
    assert min(udr([z, z, permuted], [everything] * 3)) > 0.9
    assert udr([z, permuted, unrelated], [everything] * 3)[2] < 0.1
    # A latent that does not count makes no difference, whatever it says.
    three = torch.tensor([True, True, True, False])
    z_three = torch.cat([z[:, :3], z[:, :1]], dim=1)
    assert udr([z_three, z_three], [three, three]) == pytest.approx(udr([z[:, :3]] * 2, [everything[:3]] * 2))


# --- what changes sign in the mirror ---


def turned_heads(n: int = 1500) -> tuple[np.ndarray, np.ndarray]:
    """Latents as of heads that turn: the first saturates, the second goes on, two say other things."""
    draw = np.random.default_rng(0)
    side, other, third = draw.uniform(-1, 1, (3, n))
    z = np.column_stack(
        [np.tanh(4 * side), 2 * np.maximum(0, abs(side) - 0.4) + 0.3 * other, 0.8 * other, 0.5 * third]
    )
    return z + draw.normal(0, 0.03, z.shape), side


def test_the_odd_coordinate_goes_on_where_one_latent_saturates(monkeypatch: pytest.MonkeyPatch) -> None:
    (z, side), signs = turned_heads(), np.array([-1.0, 1, 1, 1])
    assert abs(spearmanr(z[:, 0], side).statistic) < 0.975
    found = odd_coordinate(z, signs, np.random.default_rng(0))
    assert abs(spearmanr(found, side).statistic) > 0.99
    mirrored = odd_coordinate(z * signs, signs, np.random.default_rng(0))
    np.testing.assert_allclose(abs(mirrored), abs(found), atol=1e-8 + 1e-6 * abs(found).max())
    monkeypatch.setattr(mirror, "MAX_POINTS", 700)  # the others take the mean of their neighbours
    assert abs(spearmanr(odd_coordinate(z, signs, np.random.default_rng(0)), side).statistic) > 0.98


# --- the stage ---


@pytest.mark.usefixtures("small_batches")
def test_it_finds_the_place_of_bars_as_a_number_that_changes_sign_in_the_mirror() -> None:
    x, values = bars()
    outcome, steps = run(CONFIG.replace(mirror=5), torch.cat([x, x.flip(-1)]))
    assert steps[:120] == list(range(1, 121))
    assert set(outcome.targets.by_code) == {1, 2}
    for table in outcome.targets.by_code.values():
        assert (table.shape, table.dtype) == ((600, 1), torch.float16)
    uniform, normal = (outcome.targets.by_code[i].float()[:, 0] for i in (1, 2))
    assert kstest(uniform.numpy(), "uniform", (-1, 2)).statistic < 0.01
    assert kstest(normal.numpy(), "norm").statistic < 0.01
    columns = torch.stack([uniform, normal], dim=1)
    R = spearman(columns, torch.cat([values[:, :1], 1 - values[:, :1]])).abs()[:, 0]
    assert R.max() > 0.95
    place = columns[:, R.argmax()]
    assert (place[:300] + place[300:]).abs().mean() < 0.05


@pytest.mark.usefixtures("small_batches")
def test_it_finds_what_goes_around_as_an_angle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Light that falls on a picture from any side."""
    turn = 2 * math.pi * torch.rand(600, generator=rng())
    axis = (torch.arange(16.0) - 7.5) / 8
    lit = axis * turn.sin()[:, None, None] + axis[:, None] * turn.cos()[:, None, None]
    x = (255 * (0.5 + 0.35 * lit)).round().byte()[:, None]
    monkeypatch.setattr(autoencoding, "BATCH_SIZE", 16)
    outcome, _ = run(CONFIG.replace(codes="cat:2 circ:1 noise:4", factor_steps=200), x)
    found = torch.complex(*outcome.targets.by_code[1].float().unbind(dim=1)).numpy()
    assert abs(found).round(2) == pytest.approx(1)
    truth = torch.polar(torch.ones(600), turn).numpy()
    assert max(abs((found * truth).mean()), abs((found / truth).mean())) > 0.95


@pytest.mark.usefixtures("every_latent_counts")
def test_the_same_seed_gives_the_same_bits_and_another_one_does_not() -> None:
    config = CONFIG.replace(factor_steps=6)
    x = bars(100)[0]
    first, again, other = (run(c, x)[0].targets.by_code for c in (config, config, config.replace(seed=1)))
    assert all(torch.equal(first[code], again[code]) for code in first)
    assert not torch.equal(first[1], other[1])


@pytest.mark.usefixtures("every_latent_counts")
def test_it_draws_nothing_from_the_global_generator_but_initial_weights_that_are_overwritten() -> None:
    config, x = CONFIG.replace(factor_steps=3), bars(100)[0]
    torch.manual_seed(1)
    first = run(config, x)[0].targets.by_code
    torch.manual_seed(2)
    assert torch.equal(run(config, x)[0].targets.by_code[1], first[1])


@pytest.mark.usefixtures("every_latent_counts")
def test_codes_of_knobs_and_of_earlier_stages_are_left_alone() -> None:
    x = bars(100)[0]
    served = Targets({1: torch.zeros(100, 1).half()})
    outcome, _ = run(CONFIG.replace(factor_steps=3), x, served)
    assert set(outcome.targets.by_code) == {2}
    assert "nats: c3 " in outcome.message


@pytest.mark.usefixtures("every_latent_counts")
def test_the_code_of_a_knob_that_cannot_be_read_is_free() -> None:
    """In pictures of noise no network can tell a shear."""
    config = CONFIG.replace(knobs="shear", knob_steps=3, factor_steps=3)
    noise = InMemoryPixels(torch.randint(256, (100, 1, 16, 16), generator=rng()).byte())
    stage = make_stage(make_model(config), noise, config, make_fabric(config))
    list(stage.run(Targets()))
    assert "knob shear" in stage.outcome.message
    assert "not used" in stage.outcome.message
    assert set(stage.outcome.targets.by_code) == {1, 2}
    assert stage.outcome.names == {}


@pytest.mark.usefixtures("every_latent_counts")
def test_what_changes_sign_is_found_first_and_given_to_the_rest() -> None:
    """One of two numbers changes sign: the first, in half of the steps."""
    x = bars(100)[0]
    outcome, steps = run(CONFIG.replace(factor_steps=9, mirror=1), torch.cat([x, x.flip(-1)]))
    assert steps[-1] == 9
    place, rest = (outcome.targets.by_code[i].float()[:, 0] for i in (1, 2))
    assert spearmanr(place[:100], -place[100:]).statistic == pytest.approx(1)
    assert spearmanr(rest[:100], rest[100:]).statistic == pytest.approx(1)
    first, second = outcome.message.splitlines()
    assert first.startswith("mirror: run ")
    assert "nats: c2 " in first
    assert "nats: c3 " in second


@pytest.mark.usefixtures("every_latent_counts")
def test_codes_beyond_the_latents_get_no_targets_and_it_says_so() -> None:
    outcome, _ = run(CONFIG.replace(codes="unif:12 noise:4", factor_steps=3), bars(100)[0])
    assert set(outcome.targets.by_code) <= set(range(10))
    assert "no targets for " in outcome.message
    assert outcome.message.endswith("c11, c12, learned from generated images alone")


@pytest.mark.usefixtures("every_latent_counts")
@pytest.mark.parametrize("shape", [(3, 28, 28), (1, 24, 40), (3, 64, 64), (1, 8, 8)])
def test_it_takes_colour_and_any_size(shape: tuple[int, int, int]) -> None:
    x = torch.randint(256, (40, *shape), generator=rng(), dtype=torch.uint8)
    outcome, _ = run(CONFIG.replace(shape=shape, factor_steps=3), x)
    assert all(table.isfinite().all() for table in outcome.targets.by_code.values())


def test_a_loss_that_is_no_number_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autoencoding, "BETA", math.nan)
    with pytest.raises(NonFiniteError, match="factor stage is NaN"):
        run(CONFIG.replace(factor_steps=3), bars(40)[0])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"architecture": "vectors", "shape": (1, 1, 5)}, "factor_steps is 120, .* 0 for vectors"),
        ({"codes": "cat:3"}, "factor_steps is 120, .* 0 if no unif, gauss or circ code is without a knob"),
        ({"codes": "unif:2", "knobs": "translate"}, "factor_steps is 120, .* without a knob"),
        ({"mirror": 11}, "mirror is 11, but must be in 0 .. 10"),
        ({"mirror": 2, "factor_steps": 0}, "mirror is 2, but must be unset unless factor_steps"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(InfoganError, match=sentence):
        CONFIG.replace(**options)
