"""The step against the same written out, in single and in double precision; what `auto` means."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from trainers import CONFIG, DIGITS, EVERYTHING, assert_close_states, copied, make_trainer, part_of, train

from infogan.config import Config
from infogan.method.model import batch_norms, make_model
from infogan.training.components.device import resolve
from infogan.training.state import State
from infogan.utils.rng import make_rng


def step_by_hand(config: Config) -> State:
    """The same steps written out: nothing frozen, nothing shared, every gradient computed, plain Adam."""
    model = make_model(config)
    dtype = torch.float64 if config.run.precision == "64-true" else torch.float32
    G, D, latent = model.G.to(dtype).train(), model.D.to(dtype).train(), model.latent
    optimisation, b = config.optimisation, config.optimisation.batch_size
    assert optimisation.lr_d is not None
    betas = (optimisation.beta1, optimisation.beta2)
    adam_d = torch.optim.Adam(D.parameters(), optimisation.lr_d, betas, foreach=False)
    adam_g = torch.optim.Adam(G.parameters(), optimisation.lr_g, betas, foreach=False)
    rng = make_rng(config.run.seed, "latent")
    order = torch.randperm(len(DIGITS), generator=make_rng(config.run.seed, "epoch 0"))

    def generate() -> tuple[Tensor, list[Tensor]]:
        z, c = latent.sample_z(b, rng).to(dtype), [c_i.to(dtype) for c_i in latent.sample_c(b, rng)]
        return G(z, c), c

    def read(x: Tensor, c: list[Tensor]) -> tuple[Tensor, Tensor]:
        before = [copied(dict(norm.named_buffers())) for norm in batch_norms(D)]
        out = D(x)
        for norm, buffers in zip(batch_norms(D), before, strict=True):
            for name, value in buffers.items():  # generated images leave the running statistics alone
                setattr(norm, name, value)
        log_q = [code.log_q(c_i, q_i).mean() for code, c_i, q_i in zip(latent.codes, c, out.q, strict=True)]
        return out.logit, torch.stack(log_q).sum()

    for n in range(optimisation.steps):
        x_real = (DIGITS.pixels.take(order[n * b : (n + 1) * b]).float() / 255).to(dtype)
        x, c = generate()
        real = D(x_real).logit
        logit, log_q = read(x.detach(), c)
        V = torch.sigmoid(real).log().mean() + (1 - torch.sigmoid(logit)).log().mean()
        adam_d.zero_grad()
        (-V - log_q).backward()
        adam_d.step()
        x, c = generate()
        logit, log_q = read(x, c)
        adam_g.zero_grad()
        (-F.logsigmoid(logit).mean() - log_q).backward()
        adam_g.step()
    nets = {"G": G, "D": D}
    return {f"{name}.{key}": value for name, net in nets.items() for key, value in net.state_dict().items()}


@pytest.mark.parametrize(("precision", "steps"), [("64-true", 20), ("32-true", 2)])
def test_the_fast_step_is_the_step_by_hand(precision: str, steps: int) -> None:
    """In single precision for two steps: Adam amplifies rounding where a gradient is close to 0."""
    config = CONFIG.replace(precision=precision, steps=steps, resample_fake=True, fixed_std=None)
    expected, found = step_by_hand(config), part_of(train(config), "G.", "D.")
    if precision == "64-true":
        assert_close_states(found, expected, 1e-9)
        return
    for part in ("G.", "D."):
        a, b = (
            torch.cat([v.flatten() for v in part_of(state, part).values()]) for state in (found, expected)
        )
        assert (a - b).norm() <= 1e-5 * b.norm()


@pytest.mark.parametrize("precision", ["32-true", "64-true", "bf16-mixed"])
def test_every_term_trains_in_every_precision(precision: str) -> None:
    trainer = make_trainer(EVERYTHING.replace(precision=precision))
    metrics = [values for _, values in trainer.fit()]
    assert all(value.isfinite().all() for values in metrics for value in values.values())
    dtype = torch.float64 if precision == "64-true" else torch.float32
    assert {p.dtype for net in (trainer.seeds.G, trainer.seeds.D) for p in net.parameters()} == {dtype}


def test_auto_precision_is_resolved() -> None:
    assert resolve(CONFIG.replace(precision="auto")).run.precision in ("32-true", "bf16-mixed")
    assert resolve(CONFIG.replace(precision="64-true")).run.precision == "64-true"
