"""A loss or a gradient that is NaN or infinite stops a training before weights change, and is named."""

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from trainers import CONFIG, assert_close_states, assert_same_bits, copied, make_stacked, make_trainer, train

from infogan.method.model import frozen
from infogan.method.terms.term import Player
from infogan.training.state import load_state, state_of
from infogan.training.trainer import Trainer
from infogan.utils.errors import NonFiniteError


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
    return make_stacked(EXACT, seeds) if len(seeds) > 1 else make_trainer(EXACT.replace(seed=seeds[0]))


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
    message = rf"^{of_seed}step 2: the gradient of {player} is {value}, and {player} was not updated"
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
        ([5], "d_head.weight", "step 2: adversarial_d of D is nan, and D was not updated"),
        ([5], "q_head.3.bias", "step 2: L_I_c3 of D is nan, and D was not updated"),
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
    with pytest.raises(NonFiniteError, match=r"^step 1: adversarial_g of G is nan, and G was not updated"):
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
