"""The VAE: its bound in closed form, what has a gradient, the same run as a GAN's, and what is refused."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import succeed
from scipy import stats
from sklearn.datasets import load_digits
from torch import Tensor
from torch.testing import assert_close
from trainers import DIGITS, assert_same_bits, copied, make_stacked, make_trainer, train

from infogan import InfoGAN
from infogan.config.presets import get_preset, with_settings
from infogan.export.onnx_modules import Encoder
from infogan.method.codes import Bernoulli, Categorical, Circular, Code, Gaussian, Uniform
from infogan.method.inversion import learn_inversion
from infogan.method.latent import Latent
from infogan.method.networks.blocks import DiscriminatorOutput
from infogan.method.vae import draw, kl_of_z, n_uniforms, reconstruction_error
from infogan.runs.inversion import load_inversion
from infogan.runs.run import Run
from infogan.scale.sweep.trials import make_trials
from infogan.training.state import load_state, state_of
from infogan.utils.errors import InfoganError

VAE = with_settings(
    get_preset("digits-code"), {"method": "vae", "batch_size": 16, "steps": 3, "device": "cpu"}
)
CODES: list[Code] = [
    Categorical(4),
    Categorical(3, (0.5, 0.3, 0.2)),
    Bernoulli(),
    Uniform(),
    Gaussian(),
    Circular(),
]
N = 100_000


def params_of(code: Code) -> Tensor:
    """Three outputs of Q: certain, uncertain, and near the end of the range."""
    rng = torch.Generator().manual_seed(1)
    q = torch.randn(3, code.n_params, generator=rng, dtype=torch.float64)
    if code.kind == "number":
        q = torch.tensor([[0.3, -2.0], [-0.2, 0.5], [1.3, -1.0]], dtype=torch.float64)
    return q * (3 if code.kind == "angle" else 1)


@pytest.mark.parametrize("code", CODES, ids=str)
def test_draws_of_a_code_have_its_law_and_its_kl(code: Code) -> None:
    """E[log Q(c|x) - log P(c)] over draws is KL, if Q is normalised over the support of P(c)."""
    for q in params_of(code):
        u = torch.rand(code.n_uniforms, N, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        many = q.expand(N, -1)
        c = code.draw(many, u)
        log_q = code.log_q(c, many)
        if isinstance(code, Uniform):
            assert c.abs().max() <= 1
            mean, std = (value.item() for value in code.decode(q[None]))
            law = stats.norm(min(max(mean, -1), 1), std)
            log_q = torch.from_numpy(law.logpdf(c[:, 0])) - math.log(law.cdf(1) - law.cdf(-1))
        ratio = log_q - code.log_prob(c)
        tolerance = 5 * float(ratio.std()) / math.sqrt(N) + 1e-9
        if isinstance(code, Circular):
            tolerance += 0.02  # a wound Gaussian instead of von Mises' law
        assert abs(float(ratio.mean()) - float(code.kl(q[None]))) < tolerance


@pytest.mark.parametrize("code", CODES, ids=str)
def test_kl_of_the_prior_is_zero_and_draws_have_gradients(code: Code) -> None:
    prior = torch.zeros(1, code.n_params, dtype=torch.float64)
    if isinstance(code, Categorical) and code.p:
        prior = torch.tensor([code.p], dtype=torch.float64).log()
    if isinstance(code, Gaussian):
        prior = torch.tensor([[0.0, math.log(1 - code.min_std)]], dtype=torch.float64)
    if isinstance(code, Uniform):
        prior = torch.tensor([[0.0, 8.0]], dtype=torch.float64)  # so wide that it is flat on [-1, 1]
    assert_close(code.kl(prior), torch.zeros(1, dtype=torch.float64), atol=1e-6, rtol=0)
    q = params_of(code)[:1].expand(64, -1).clone().requires_grad_()
    u = torch.rand(code.n_uniforms, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    target = torch.arange(code.width, dtype=torch.float64) + 1
    (gradient,) = torch.autograd.grad((code.draw(q, u) @ target).sum(), q)
    assert gradient.abs().sum() > 0
    assert gradient.isfinite().all()


def test_kl_of_a_uniform_code_is_finite_in_single_precision_wherever_q_is() -> None:
    line = torch.linspace(-9, 9, 19)
    q = torch.cartesian_prod(line, line).requires_grad_()  # mean, and log of the deviation
    kl = Uniform(1e-3).kl(q)
    assert kl.min() > -1e-3
    (gradient,) = torch.autograd.grad(
        (kl + Uniform(1e-3).draw(q, torch.full((1, len(q)), 0.3))[:, 0]).sum(), q
    )
    assert gradient.isfinite().all()


@pytest.mark.parametrize("noise", ["normal", "uniform"])
def test_z_of_the_prior_has_the_law_of_the_prior(noise: Any) -> None:
    """Mean 0 and log deviation 0 are P(z): no KL, and draws as `sample_z` has them."""
    latent = Latent.parse("cat:2 noise:1", noise=noise)
    real = DiscriminatorOutput(torch.zeros(N, 2), (torch.zeros(N, 2),))
    z, _ = draw(latent, real, torch.rand(n_uniforms(latent), N, generator=torch.Generator().manual_seed(0)))
    assert_close(kl_of_z(real), torch.zeros(N))
    law = stats.norm() if noise == "normal" else stats.uniform(-1, 2)
    assert stats.kstest(z[:, 0].numpy(), law.cdf).statistic < 2 / math.sqrt(N)


def test_the_bound_of_a_linear_gaussian_is_the_evidence() -> None:
    """x = w z + N(0, std), z ~ N(0, 1): with q(z|x) the true posterior, ELBO = log N(x; 0, w² + std²)."""
    w, std, x = 0.8, 0.5, 0.7
    var = 1 / (1 + w**2 / std**2)
    mean = var * w * x / std**2
    nodes, weights = np.polynomial.hermite_e.hermegauss(3)  # exact, as the squared error is quadratic in z
    decoded = torch.from_numpy(w * (mean + math.sqrt(var) * nodes)).reshape(3, 1, 1, 1)
    errors = reconstruction_error(torch.full_like(decoded, x), decoded, std)
    kl = kl_of_z(DiscriminatorOutput(torch.tensor([[mean, math.log(var) / 2]], dtype=torch.float64), ()))
    bound = -(errors @ torch.from_numpy(weights / weights.sum())) - kl
    evidence = stats.norm(0, math.sqrt(w**2 + std**2)).logpdf(x)
    assert_close(bound, torch.tensor([evidence], dtype=torch.float64))


def test_every_term_is_logged_and_d_and_g_lower_the_same_bound() -> None:
    trainer = make_trainer(VAE.replace(precision="64-true"))
    metrics = trainer.step(*trainer.batches.real(0))
    names = {"reconstruction", "kl", "kl_z", "kl_c1", "kl_c2", "kl_c3", "info_d", "info_g"}
    bounds = {"L_I_c1", "L_I_c2", "L_I_c3"}
    assert metrics.keys() == {"loss_d", "loss_g", "diversity", *names, *bounds}
    assert_close(metrics["loss_d"], metrics["reconstruction"] + metrics["kl"] + metrics["info_d"])
    assert_close(metrics["kl"], sum(metrics[f"kl_{name}"] for name in ("z", "c1", "c2", "c3")))


@pytest.mark.parametrize("lam", [0.0, 1.0])
def test_g_descends_the_reconstruction_and_l_i(lam: float) -> None:
    """G's first step of Adam is lr times the sign of the gradient of the whole loss at the same weights."""
    config = VAE.replace(precision="64-true", lam=(lam,), lr_d=1e-12)  # so that L_I of both steps is of one Q
    trainer, other = make_trainer(config), make_trainer(config)
    (x,) = other.batches.real(0)
    z, c, x_fake = other.generate(with_gradient=True)
    u = other.batches.uniforms(other.losses.n_uniforms("D"))
    loss, _ = other.seeds.call(other.losses.loss_d, u, z, c, x_fake, x)
    weight = other.seeds.G.get_parameter("layers.0.weight")
    (gradient,) = torch.autograd.grad(loss, weight)
    before = trainer.seeds.G.get_parameter("layers.0.weight").detach().clone()
    trainer.step(x)
    moved = trainer.seeds.G.get_parameter("layers.0.weight").detach() - before
    clear = gradient.abs() > 1e-6
    assert clear.double().mean() > 0.5
    assert_close(moved[clear], -config.optimisation.lr_g * gradient[clear].sign(), rtol=1e-2, atol=1e-6)


def test_q_learns_a_code_with_targets_from_these_alone() -> None:
    """The error of the reconstruction says nothing about Q's category, whose certainty targets decide."""
    config = VAE.replace(transforms="rotate:0.2", pretraining_steps=3, lam=(0.0,), pseudo_label_weight=0.0)
    trainer = make_trainer(config)
    (x, *targets) = trainer.batches.real(0)
    z, c, x_fake = trainer.generate(with_gradient=False)
    u = trainer.batches.uniforms(trainer.losses.n_uniforms("D"))
    loss, _ = trainer.seeds.call(trainer.losses.loss_d, u, z, c, x_fake, x, *targets)
    loss.backward()
    last = dict(trainer.seeds.D.named_parameters())["q_head.3.weight"]
    assert last.grad is not None
    assert not last.grad[:10].any()  # c1, which has targets
    assert last.grad[10:].any(dim=1).all()


def test_two_stacked_seeds_are_each_alone() -> None:
    config = VAE.replace(precision="64-true")
    stacked = make_stacked(config, (1, 2))
    for step in range(2):
        together = stacked.step(*stacked.batches.real(step))
    for i, seed in enumerate((1, 2)):
        alone = make_trainer(config.replace(seed=seed))
        for step in range(2):
            metrics = alone.step(*alone.batches.real(step))
        assert_close(together["loss_d"][i], metrics["loss_d"], rtol=1e-6, atol=1e-9)


def test_a_resumed_training_is_the_same_bit_for_bit() -> None:
    whole = train(VAE)
    trainer = make_trainer(VAE)
    steps = trainer.fit()
    next(steps)
    state = copied(state_of(trainer))
    steps.close()
    resumed = make_trainer(VAE)
    load_state(resumed, state)
    list(resumed.fit())
    assert_same_bits(state_of(resumed), whole)


def test_codes_are_used_because_of_l_i() -> None:
    """Four groups of vectors: without L_I z tells the group, and G does not show c."""
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(64, 6)) / 4 + 2 * rng.normal(size=6) for _ in range(4)])
    share = {}
    for lam in (0.0, 1.0):
        model = InfoGAN("cat:4 noise:3", method="vae", lam=lam, max_iter=30, random_state=0).fit(X)
        share[lam] = model.L_I_[0] / math.log(4)
    assert share[0.0] < 0.1
    assert share[1.0] > 0.3


REFUSED: dict[str, Any] = {
    "diffaug": True,
    "r1_weight": 0.1,
    "saturating": True,
    "info_to_generator": False,
    "fixed_std": 1.0,
    "codes": "cat:10 noise:0",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_only_a_gan_has_is_refused(name: str) -> None:
    with pytest.raises(InfoganError, match=f"{name} is .* with method=vae|{name} is .* for method=vae"):
        VAE.replace(**{name: REFUSED[name]})


def test_a_preset_by_the_command_line(tmp_path: Path) -> None:
    """Trained, resumed, and read: z comes from the run's own encoder, without an inversion to train."""
    dry = json.loads(succeed("train", "mnist-quick", "--method", "vae", "--dry-run", cwd=tmp_path))
    assert (dry["codes"]["fixed_std"], dry["codes"]["min_std"], dry["optimisation"]["lr_d"]) == (
        None,
        0.1,
        1e-3,
    )
    words = "train digits-code --method vae --steps 4 --batch-size 32 --out run --device cpu --min-std 0.2"
    succeed(*words.split(), cwd=tmp_path)
    succeed("train", "--resume", "run", "--steps", "6", cwd=tmp_path)
    run = Run.open(tmp_path / "run")
    assert (run.steps, run.config.codes.min_std) == (6, 0.2)
    model = run.model()
    inversion = load_inversion(run, model)
    assert inversion is not None
    assert [step.n for step in learn_inversion(model)] == [1]
    x = DIGITS.x[:5]
    z = inversion.estimate(x)
    assert z.shape == (5, 8)
    assert z.abs().max() <= 1
    values, spreads, same_z = Encoder(model, inversion)(torch.from_numpy(x) / 255)
    assert_close(values, model.encode(x).values)
    assert_close(spreads, model.encode(x).spreads)
    assert_close(same_z, z)


def test_a_sweep_compares_both_methods(tmp_path: Path) -> None:
    settings = [{"method": "gan"}, {"method": "vae"}]
    trials = make_trials("digits", get_preset("digits-code"), 1, settings, tmp_path)
    assert [trial.config.codes.fixed_std for trial in trials] == [1.0, None]
    assert [trial.path.name for trial in trials] == ["digits-method=gan-0", "digits-method=vae-0"]


def test_the_estimator() -> None:
    X = load_digits().images / 16
    model = InfoGAN("cat:3 noise:4", method="vae", max_iter=3, random_state=0).fit(X[:100])
    assert model.config_.terms.method == "vae"
    assert not model.config_.data.diffaug  # which a GAN of so few images has
    assert model.predict_proba(X[:5]).shape == (5, 3)
