"""Training: who is updated in which step, what decides the bits, and what stops it."""

import math
from collections.abc import Sequence
from itertools import islice
from typing import Any, Literal

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from trainers import (
    CONFIG,
    DIGITS,
    EVERYTHING,
    assert_close_states,
    assert_same_bits,
    copied,
    is_same,
    make_trainer,
    part_of,
    random_targets,
    resumed,
    train,
)

from infogan.config import Config
from infogan.data import Images
from infogan.method.model import batch_norms, frozen, make_model
from infogan.method.objective import info_bound
from infogan.training.launch import make_stacked_trainer
from infogan.training.state import State, load_state, state_of
from infogan.training.trainer import Trainer
from infogan.utils.errors import InfoganError, NonFiniteError
from infogan.utils.rng import make_rng

Player = Literal["D", "G"]


def after(player: Player, **options: Any) -> State:
    """The state after the first step of that player alone."""
    trainer = make_trainer(CONFIG.replace(**options))
    z, c, x_fake = trainer.generate(with_gradient=True)
    if player == "D":
        trainer.descend("D", z, c, x_fake.detach(), *trainer.batches.real(0))
    else:
        with frozen(trainer.seeds.D):
            trainer.descend("G", z, c, x_fake)
    assert all(p.requires_grad for net in (trainer.seeds.D, trainer.seeds.G) for p in net.parameters())
    return copied(state_of(trainer))


def parameters(state: State, *names: str) -> State:
    return {k: v for k, v in part_of(state, *names).items() if k.endswith(("weight", "bias"))}


@pytest.mark.parametrize(("player", "own", "other"), [("D", "D.", "G."), ("G", "G.", "D.")])
def test_a_step_updates_its_player_and_leaves_the_other_as_it_is(
    player: Player, own: str, other: str
) -> None:
    trainer = make_trainer()
    trainer.generate(with_gradient=True)  # which marks G's running statistics, as before each step
    before, state = state_of(trainer), after(player)
    assert_same_bits(part_of(state, other), part_of(before, other))
    changed = parameters(state, own)
    assert all(not torch.equal(value, before[name]) for name, value in changed.items())


def test_the_bound_reaches_g_the_head_of_q_and_the_trunk() -> None:
    trainer = make_trainer()
    D, G = trainer.model.D, trainer.model.G
    _, c, x = trainer.generate(with_gradient=True)
    L_I = info_bound(trainer.model.latent.codes, c, D(x).q).sum()
    for part in (G, D.q_head, D.trunk):
        grads = torch.autograd.grad(L_I, list(part.parameters()), retain_graph=True)
        assert all(grad.abs().sum() > 0 for grad in grads)
    (unused,) = torch.autograd.grad(L_I, [D.d_head.weight], allow_unused=True)
    assert unused is None


@pytest.mark.parametrize(
    ("player", "part", "options", "is_without"),
    [
        ("D", "D.trunk", {}, False),
        ("D", "D.q_head", {}, False),
        ("G", "G.", {}, False),
        ("D", "D.trunk", {"info_to_trunk": False}, True),
        ("D", "D.q_head", {"info_to_trunk": False}, False),
        ("D", "D.trunk", {"info_to_generator": False}, False),
        ("G", "G.", {"info_to_generator": False}, True),
    ],
)
def test_what_the_bound_updates(player: Player, part: str, options: dict[str, Any], is_without: bool) -> None:
    """Either the weights that a step without L_I gives, or those of a step with all of it."""
    found, without, whole = (
        parameters(after(player, **changes), part) for changes in (options, {"lam": (0.0,)}, {})
    )
    assert_same_bits(found, without if is_without else whole)
    assert not is_same(whole, without)


@pytest.mark.parametrize("saturating", [True, False])
def test_labels_do_not_matter(saturating: bool) -> None:
    config = CONFIG.replace(saturating=saturating)
    assert DIGITS.labels is not None
    shuffled = np.random.default_rng(0).permutation(DIGITS.labels)
    expected = train(config)
    for labels in (None, shuffled):
        assert_same_bits(train(config, Images.stored(DIGITS.x, labels)), expected)


@pytest.mark.parametrize("config", [CONFIG, CONFIG.replace(resample_fake=True), EVERYTHING])
def test_the_seed_decides_the_bits_and_a_resumed_training_has_them(config: Config) -> None:
    """With targets, averages and augmentation too."""
    config = config.replace(steps=6)
    expected = train(config)
    torch.rand(7)  # no global state
    other = train(config.replace(seed=1))
    assert all(not torch.equal(other[k], v) for k, v in expected.items() if k.endswith("weight"))
    first = make_trainer(config)
    assert [step for step, _ in islice(first.fit(), 3)] == [1, 2, 3]
    state = copied(state_of(first))
    second = resumed(config, state)
    assert_same_bits(state_of(second), state)
    assert [step for step, _ in second.fit()] == [4, 5, 6]
    assert_same_bits(state_of(second), expected)
    assert ("targets" in expected) == bool(config.pretraining.steps)


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


def poison(trainer: Trainer, weight: str) -> None:
    """Makes a weight of D or Q NaN, of the last seed."""
    with torch.no_grad():
        tensor = trainer.seeds.D.get_parameter(weight)
        (tensor if len(trainer.seeds.numbers) == 1 else tensor[-1]).fill_(torch.nan)


def poison_gradient(net: nn.Module, value: float) -> RemovableHandle:
    """Puts a value into the gradient of a net, of the last seed; losses stay finite."""

    def poisoned(gradient: Tensor) -> Tensor:
        gradient = gradient.clone()
        gradient[(-1, *(0,) * (gradient.ndim - 1))] = value
        return gradient

    return next(net.parameters()).register_hook(poisoned)


EXACT = CONFIG.replace(precision="64-true")


def trainer_of(seeds: Sequence[int]) -> Trainer:
    if len(seeds) > 1:
        return make_stacked_trainer(EXACT, seeds, DIGITS)
    return make_trainer(EXACT.replace(seed=seeds[0]))


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("seeds", [[5], [3, 5]])
@pytest.mark.parametrize("player", ["D", "G"])
def test_a_gradient_that_is_not_finite_stops_the_step_before_weights_change(
    player: Player, seeds: list[int], value: float
) -> None:
    """Though the loss is finite; and the state that is loaded again is clean."""
    trainer = trainer_of(seeds)
    steps = trainer.fit()
    next(steps)
    saved = [copied(state_of(trainer, i)) for i in range(len(seeds))]
    net = getattr(trainer.seeds, player)
    before, moments = copied(net.state_dict()), copied(getattr(trainer, f"adam_{player.lower()}").state())
    poisoned = poison_gradient(net, value)
    of_seed = "seed 5, " if len(seeds) > 1 else ""
    message = rf"^{of_seed}step 2: the gradient of {player} is {value}, so {player} was not updated"
    with pytest.raises(NonFiniteError, match=message):
        next(steps)
    assert trainer.n == 1
    assert not trainer.seeds.G.training
    assert_same_bits(dict(net.named_parameters()), {k: before[k] for k, _ in net.named_parameters()})
    assert_same_bits(getattr(trainer, f"adam_{player.lower()}").state(), moments)
    with pytest.raises(NonFiniteError):  # so no checkpoint can be made of it
        state_of(trainer)

    poisoned.remove()
    load_state(trainer, *saved)
    assert [step for step, _ in trainer.fit()] == [2, 3]
    for i, seed in enumerate(seeds):
        expected = train(EXACT.replace(seed=seed))
        (assert_same_bits if len(seeds) == 1 else assert_close_states)(state_of(trainer, i), expected)


@pytest.mark.parametrize(
    ("seeds", "weight", "message"),
    [
        ([5], "d_head.weight", "step 2: adversarial_d of D is nan, so D was not updated"),
        ([5], "q_head.3.bias", "step 2: L_I_c3 of D is nan, so D was not updated"),
        ([3, 5], "d_head.weight", "seed 5, step 2: adversarial_d of D is nan"),
    ],
)
def test_a_loss_that_is_not_finite_stops_the_step_and_is_named(
    seeds: list[int], weight: str, message: str
) -> None:
    trainer = trainer_of(seeds)
    steps = trainer.fit()
    next(steps)
    poison(trainer, weight)
    before = copied(dict(trainer.seeds.G.named_parameters()) | dict(trainer.seeds.D.named_parameters()))
    with pytest.raises(NonFiniteError, match=f"^{message}"):
        next(steps)
    after = dict(trainer.seeds.G.named_parameters()) | dict(trainer.seeds.D.named_parameters())
    for name, value in after.items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0, equal_nan=True)
    assert trainer.n == 1


def test_a_loss_of_g_that_is_not_finite_is_named() -> None:
    trainer = make_trainer()
    z, c, x_fake = trainer.generate(with_gradient=True)
    poison(trainer, "d_head.weight")
    before = copied(dict(trainer.seeds.G.named_parameters()))
    with frozen(trainer.seeds.D):
        trainer.descend("G", z, c, x_fake)
    with pytest.raises(NonFiniteError, match=r"^step 1: adversarial_g of G is nan, so G was not updated"):
        trainer.check_finite()
    assert_same_bits(dict(trainer.seeds.G.named_parameters()), before)


def test_all_steps_after_a_refused_one_are_refused_until_the_host_asks() -> None:
    """As on a GPU, where it asks once in `log_every` steps."""
    trainer = make_trainer()
    trainer.step(*trainer.batches.real(0))
    trainer.n = 1
    before = copied(state_of(trainer))
    poisoned = poison_gradient(trainer.seeds.D, math.nan)
    trainer.step(*trainer.batches.real(1))
    poisoned.remove()
    for n in (2, 3):
        trainer.step(*trainer.batches.real(n))
        trainer.n = n + 1
    with pytest.raises(NonFiniteError, match=r"^step 2: the gradient of D is nan"):
        trainer.check_finite()
    assert trainer.n == 1
    for net in ("G", "D"):
        weights = dict(getattr(trainer.seeds, net).named_parameters())
        assert_same_bits(weights, {name: before[f"{net}.{name}"] for name in weights})


RATES = [  # lr_d, lr_decay_fraction; both as they are followed with targets, and without
    (None, None, (4e-4, 0.5), (2e-4, 0.0)),
    (3e-4, None, (3e-4, 0.5), (3e-4, 0.0)),
    (None, 0.25, (4e-4, 0.25), (2e-4, 0.25)),
    (3e-4, 0.0, (3e-4, 0.0), (3e-4, 0.0)),
]


@pytest.mark.parametrize(("lr_d", "fraction", "with_targets", "without"), RATES)
def test_learning_rates_of_the_user_are_followed_and_none_is_automatic(
    lr_d: float | None,
    fraction: float | None,
    with_targets: tuple[float, float],
    without: tuple[float, float],
) -> None:
    """Also if the config pretrains and no clusters are found."""
    config = EVERYTHING.replace(lr_d=lr_d, lr_decay_fraction=fraction, steps=8)
    for targets, (expected, decay) in (([random_targets(1437)], with_targets), ([], without)):
        trainer = Trainer(config, make_model(config), DIGITS)
        trainer.use_targets(targets)
        factors = []
        for _ in trainer.fit():
            lr_of_d, lr_of_g = (adam.adam.param_groups[0]["lr"] for adam in (trainer.adam_d, trainer.adam_g))
            factors.append((lr_of_d / expected, lr_of_g / config.optimisation.lr_g))
        # The rate after n steps: 1, then linearly to 0 over the last fraction.
        due = [min(1.0, (1 - n / 8) / decay) if decay else 1.0 for n in range(1, 9)]
        assert factors == [pytest.approx((factor, factor)) for factor in due]


def numbered(n: int) -> Images:
    """Images whose pixels are their number."""
    x = np.empty((n, 1, 8, 8), np.uint8)
    x[:] = np.arange(n)[:, None, None, None]
    return Images.stored(x)


def drawn(trainer: Trainer, n: int) -> list[int]:
    """Which of the `numbered` images are in the batch of step n."""
    x: Tensor = trainer.batches.real(n)[0][:, 0, 0, 0]
    return (x * 255).round().int().tolist()


def test_each_image_comes_once_per_epoch() -> None:
    trainer = make_trainer(images=numbered(64))
    first, second = ([i for n in range(4) for i in drawn(trainer, 4 * epoch + n)] for epoch in range(2))
    assert sorted(first) == sorted(second) == list(range(64))
    assert first != second
    assert drawn(make_trainer(images=numbered(64)), 5) == drawn(trainer, 5)
    trainer = make_trainer(images=numbered(41))  # which batches of 16 do not divide
    assert len({*drawn(trainer, 0), *drawn(trainer, 1)}) == 32


def test_real_images_come_in_the_range_of_g_with_their_targets() -> None:
    trainer = make_trainer(EVERYTHING, numbered(64))
    x, p = trainer.batches.real(3)
    assert x.shape == (16, 1, 8, 8)
    assert (make_trainer().batches.real(0)[0].min(), make_trainer().batches.real(0)[0].max()) == (0, 1)
    assert torch.equal(p, random_targets(64).table[drawn(trainer, 3)].float())


def test_images_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InfoganError, match=r"\(1, 28, 28\).*\(1, 8, 8\)"):
        make_trainer(images=Images.stored(np.zeros((32, 1, 28, 28), np.uint8)))
    with pytest.raises(InfoganError, match="batch_size is 16, but digits holds 15 images"):
        make_trainer(images=numbered(15))
    make_trainer(images=numbered(16))
    config = EVERYTHING.replace(batch_size=4)
    with pytest.raises(InfoganError, match=r"10 clusters among 8 images; choose fewer categories"):
        make_trainer(config, numbered(8))
    make_trainer(config.replace(pretraining_steps=0, transforms=""), numbered(8))


def test_only_real_images_mark_the_running_statistics_of_d() -> None:
    """Once per step, whatever other passes the terms need; the counter of batches included."""
    config = EVERYTHING.replace(diffaug=False)
    trainer = make_trainer(config)
    x, p = trainer.batches.real(0)
    trainer.step(x, p)
    D = make_model(config).D.train()
    D(x)
    assert_same_bits(dict(trainer.seeds.D.named_buffers()), dict(D.named_buffers()))
    # G makes a batch for each player; the orthogonal Jacobian's do not count.
    n_generated = 2 if config.optimisation.resample_fake else 1
    assert all(norm.num_batches_tracked == n_generated for norm in batch_norms(trainer.seeds.G))
