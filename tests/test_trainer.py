"""Training: who is updated in which step, what decides the bits, and what stops it."""

from itertools import islice
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor
from trainers import (
    CONFIG,
    DIGITS,
    EVERYTHING,
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
from infogan.data.labels import Labels
from infogan.method.model import batch_norms, frozen, make_model
from infogan.method.objective import info_bound
from infogan.training.state import State, state_of
from infogan.training.trainer import Trainer
from infogan.utils.errors import InfoganError

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
    shuffled = Labels(np.random.default_rng(0).permutation(DIGITS.labels.numbers))
    expected = train(config)
    for labels in (None, shuffled):
        assert_same_bits(train(config, Images.from_arrays(DIGITS.x, labels)), expected)


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
    assert ("targets.0" in expected) == bool(config.pretraining.steps)


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
    config = CONFIG.replace(transforms="rotate:0.2", pretraining_steps=6, pseudo_label_weight=1.0)
    config = config.replace(lr_d=lr_d, lr_decay_fraction=fraction, steps=8)
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
    return Images.from_arrays(x)


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
    assert torch.equal(p, random_targets(64).by_code[0][drawn(trainer, 3)].float())


def test_images_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InfoganError, match=r"\(1, 28, 28\).*\(1, 8, 8\)"):
        make_trainer(images=Images.from_arrays(np.zeros((32, 1, 28, 28), np.uint8)))
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
