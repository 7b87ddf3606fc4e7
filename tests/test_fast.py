"""Fast paths change no mathematics: against the step as one would write it, and seed against seed."""

from itertools import islice
from typing import Literal

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from infogan import data
from infogan.config import Config
from infogan.config.presets import digits
from infogan.data import Images
from infogan.method.model import Model, batch_norms, make_model
from infogan.training.device import resolve
from infogan.training.seeds import StackedTrainer
from infogan.training.trainer import Trainer
from infogan.utils.errors import InfoganError
from infogan.utils.rng import make_rng

STEPS = 20
CONFIG = digits().replace(batch_size=16, steps=STEPS, device="cpu", resample_fake=True, fixed_std=None)
IMAGES = data.load("digits")
SEEDS = (3, 5, 8)

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use")


def trained(config: Config, images: Images = IMAGES) -> dict[str, Tensor]:
    trainer = Trainer(config, make_model(config), images)
    list(trainer.fit())
    return trainer.state()


def weights(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k: v for k, v in state.items() if k.startswith(("G.", "D.")) and "num_batches" not in k}


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor], rtol: float) -> None:
    """Relative to the largest entry of each tensor, as a single entry may pass through 0."""
    assert weights(found).keys() == weights(expected).keys()
    for name, value in weights(expected).items():
        value = value.cpu()
        assert (weights(found)[name].cpu() - value).abs().max() <= rtol * value.abs().max(), name


def plain(config: Config) -> Model:
    """The same updates written out: nothing frozen, nothing shared, every gradient computed, plain Adam."""
    model = make_model(config)
    kind = torch.float64 if config.run.precision == "64-true" else torch.float32
    model.G.to(kind)
    model.D.to(kind)
    G, D, latent, b = model.G.train(), model.D.train(), model.latent, config.optimisation.batch_size
    lam = torch.tensor(config.lam_per_code, dtype=kind)
    betas = (config.optimisation.beta1, config.optimisation.beta2)
    optim_d = torch.optim.Adam(D.parameters(), config.optimisation.lr_d, betas, foreach=False)
    optim_g = torch.optim.Adam(G.parameters(), config.optimisation.lr_g, betas, foreach=False)
    rng = make_rng(config.run.seed, "latent")
    order = torch.randperm(len(IMAGES), generator=make_rng(config.run.seed, "epoch 0"))

    def draw() -> tuple[Tensor, list[Tensor]]:
        z, c = latent.sample_z(b, rng).to(kind), [c_i.to(kind) for c_i in latent.sample_c(b, rng)]
        return G(z, c), c

    def judge(x: Tensor, c: list[Tensor]) -> tuple[Tensor, Tensor]:
        marks = [(n.running_mean, n.running_var) for n in batch_norms(D)]
        kept = [(m.clone(), v.clone()) for m, v in marks if m is not None and v is not None]
        said = D(x)
        for norm, (mean, var) in zip(batch_norms(D), kept, strict=True):
            norm.running_mean, norm.running_var = mean, var  # fake images leave no mark
        log_q = [code.log_q(c_i, q_i).mean() for code, c_i, q_i in zip(latent.codes, c, said.q, strict=True)]
        return said.logit, torch.stack(log_q) @ lam

    for n in range(config.optimisation.steps):
        x_real = torch.from_numpy(IMAGES.x[order[n * b : (n + 1) * b].numpy()]).float() / 255
        x_real = x_real.to(kind)
        x, c = draw()
        real = D(x_real).logit
        logit, log_q = judge(x.detach(), c)
        V = torch.sigmoid(real).log().mean() + (1 - torch.sigmoid(logit)).log().mean()
        optim_d.zero_grad()
        (-V - log_q).backward()
        optim_d.step()
        x, c = draw()
        logit, log_q = judge(x, c)
        optim_g.zero_grad()
        (-F.logsigmoid(logit).mean() - log_q).backward()
        optim_g.step()
    return model


@pytest.mark.parametrize(("precision", "steps"), [("64-true", STEPS), ("32-true", 2)])
def test_fast_step_is_the_plain_step(precision: Literal["64-true", "32-true"], steps: int) -> None:
    """In 32 bits two updates only: where a gradient is 0 but for rounding, Adam makes steps of the rounding,
    and a difference of 1e-7 in one weight is one of 1e-1 after twenty."""
    config = CONFIG.replace(precision=precision, steps=steps)
    model = plain(config)
    expected = {f"G.{k}": v for k, v in model.G.state_dict().items()}
    expected |= {f"D.{k}": v for k, v in model.D.state_dict().items()}
    if precision == "64-true":
        assert_same(trained(config), expected, 1e-9)
        return
    found = weights(trained(config))
    for part in ("G.", "D."):
        a, b = (torch.cat([s[k].flatten() for k in found if k.startswith(part)]) for s in (found, expected))
        assert (a - b).norm() <= 1e-5 * b.norm()


@pytest.mark.parametrize("net", ["digits", "svhn"])
def test_stacked_seeds_are_single_seeds(net: str) -> None:
    config, images = CONFIG.replace(precision="64-true"), IMAGES
    if net == "svhn":
        config = config.replace(architecture="svhn", batch_size=4, steps=2)
        images = Images.from_arrays(torch.randint(256, (12, 3, 32, 32), dtype=torch.uint8).numpy())
    stacked = StackedTrainer(config, SEEDS, images)
    steps = list(stacked.fit())
    assert steps[-1].L_I.shape == (len(SEEDS), 3)
    for i, seed in enumerate(SEEDS):
        alone = Trainer(config.replace(seed=seed), make_model(config.replace(seed=seed)), images)
        last = list(alone.fit())[-1]
        assert torch.allclose(steps[-1].L_I[i], last.L_I)
        assert torch.allclose(steps[-1].loss_g[i], last.loss_g)
        state = alone.state()
        assert stacked.state(i).keys() == state.keys()
        assert_same(stacked.state(i), state, 1e-6)
        assert torch.equal(stacked.state(i)["rng"], state["rng"])


def test_stacked_seeds_go_on_from_single_ones_and_back() -> None:
    config = CONFIG.replace(precision="64-true")
    halves = []
    for seed in SEEDS:
        of_seed = config.replace(seed=seed)
        alone = Trainer(of_seed, make_model(of_seed), IMAGES)
        list(islice(alone.fit(), STEPS // 2))
        halves.append({k: v.clone() for k, v in alone.state().items()})
    stacked = StackedTrainer(config, SEEDS, IMAGES)
    stacked.load_state(*halves)
    assert [u.n for u in islice(stacked.fit(), 2)] == [STEPS // 2 + 1, STEPS // 2 + 2]
    of_seed = config.replace(seed=SEEDS[1])
    alone = Trainer(of_seed, make_model(of_seed), IMAGES)
    alone.load_state(stacked.state(1))
    list(alone.fit())
    assert_same(alone.state(), trained(of_seed), 1e-6)


def test_a_look_now_and_then_stops_at_the_same_weights() -> None:
    """As on a GPU, where the host looks once in `log_every` updates."""
    trainer = Trainer(CONFIG, make_model(CONFIG), IMAGES)
    trainer.looks_every = 7
    steps = trainer.fit()
    list(islice(steps, 8))
    before = {k: v.clone() for k, v in trainer.state().items()}
    with torch.no_grad():
        trainer.model.D.q_head[-1].bias[10] = torch.nan
        before["D." + next(k for k, v in trainer.model.D.state_dict().items() if v.isnan().any())] = (
            trainer.model.D.q_head[-1].bias.clone()
        )
    with pytest.raises(InfoganError, match=r"^update 9: L_I of c2 of D's loss is nan"):
        list(steps)
    assert trainer.n == 8
    for name, value in trainer.model.G.named_parameters():
        assert torch.equal(value, before[f"G.{name}"])
    for name, value in trainer.model.D.named_parameters():
        assert torch.equal(value.nan_to_num(), before[f"D.{name}"].nan_to_num())


def test_a_forbidden_update_names_its_seed() -> None:
    stacked = StackedTrainer(CONFIG, SEEDS, IMAGES)
    with torch.no_grad():
        next(p for name, p in stacked.D.named_parameters() if "d_head.weight" in name)[1] = torch.nan
    with pytest.raises(InfoganError, match=r"^seed 5, update 1: the adversarial term of D's loss is nan"):
        list(stacked.fit())


def test_auto_precision_is_settled() -> None:
    assert resolve(CONFIG.replace(precision="auto")).precision in ("32-true", "bf16-mixed")
    assert resolve(CONFIG.replace(precision="64-true")).precision == "64-true"


def test_stacked_seeds_are_of_32_bits_where_bf16_is_not_asked_for() -> None:
    """Under torch.vmap autocast leaves weights in 32 bits, and a convolution refuses them."""
    stacked = StackedTrainer(CONFIG.replace(precision="auto"), SEEDS, IMAGES)
    assert stacked.config.run.precision == "32-true"
    assert torch.isfinite(next(iter(stacked.fit())).L_I).all()
    with pytest.raises(InfoganError, match="leave out --precision or --stacked"):
        StackedTrainer(CONFIG.replace(precision="bf16-mixed"), SEEDS, IMAGES)


@needs_gpu
@pytest.mark.parametrize("fresh_fake", [True, False])
def test_captured_updates_are_eager_ones(fresh_fake: bool) -> None:
    config = CONFIG.replace(device="cuda", precision="64-true", resample_fake=fresh_fake)
    eager = Trainer(config, make_model(config), IMAGES)
    eager.model.G.train(), eager.model.D.train()
    for n in range(STEPS):
        eager.update(eager.real_batch(n))
        eager.n += 1
    captured = trained(config)
    assert_same(captured, eager.state(), 1e-5)
    assert torch.equal(captured["rng"].cpu(), eager.state()["rng"].cpu())


@needs_gpu
def test_captured_stack_is_single_seeds() -> None:
    config = CONFIG.replace(device="cuda", precision="64-true")
    stacked = StackedTrainer(config, SEEDS, IMAGES)
    list(stacked.fit())
    for i, seed in enumerate(SEEDS):
        assert_same(stacked.state(i), trained(config.replace(seed=seed)), 1e-5)


@needs_gpu
def test_captured_update_stops_at_a_loss_that_is_no_number() -> None:
    config = CONFIG.replace(device="cuda")
    trainer = Trainer(config, make_model(config), IMAGES)
    steps = trainer.fit()
    list(islice(steps, 8))
    with torch.no_grad():
        trainer.model.D.d_head.weight[0, 0] = torch.nan
    with pytest.raises(InfoganError, match=r"^update 9: the adversarial term of D's loss is nan"):
        list(steps)
