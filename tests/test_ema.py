"""Moving averages of weights: the mean written out, what a run shows, and what they leave as it is."""

import pytest
import torch
from trainers import CONFIG, assert_same_bits, make_trainer, part_of, train

from infogan.method.model import make_model
from infogan.runs.weights import load_weights, subset
from infogan.training.state import state_of

AVERAGED = CONFIG.replace(steps=6, ema_decay=0.6, ema_decay_d=0.3)
DECAYS = {"G": 0.6, "D": 0.3}


@pytest.mark.parametrize("name", ["G", "D"])
def test_the_average_is_the_moving_mean_of_the_weights(name: str) -> None:
    trainer = make_trainer(AVERAGED)
    net = getattr(trainer.seeds, name)
    mean = {k: v.clone().double() for k, v in net.state_dict().items()}
    for step, _ in trainer.fit():
        decay = min(DECAYS[name], (1 + step) / (10 + step))
        for key, value in net.state_dict().items():
            mean[key] = decay * mean[key] + (1 - decay) * value.double()
    found = subset(state_of(trainer), f"{name}_ema")
    assert found.keys() == mean.keys()
    for key, value in found.items():
        if value.is_floating_point():
            torch.testing.assert_close(value.double(), mean[key], rtol=1e-5, atol=1e-7)
        else:  # the counter of batches
            assert torch.equal(value, net.state_dict()[key])


@pytest.mark.parametrize("off", [{}, {"ema_decay": 0.0}, {"ema_decay_d": 0.0}])
def test_a_model_has_the_averaged_weights_if_there_are_any(off: dict[str, float]) -> None:
    state, model = train(AVERAGED.replace(**off)), make_model(CONFIG.replace(seed=9))
    load_weights(model, state)
    for name, net in (("G", model.G), ("D", model.D)):
        is_averaged = ("ema_decay" if name == "G" else "ema_decay_d") not in off
        assert_same_bits(net.state_dict(), subset(state, f"{name}_ema" if is_averaged else name))


def test_averaging_changes_no_bit_of_the_training() -> None:
    networks = ("G.", "D.", "adam", "rng")
    assert_same_bits(part_of(train(AVERAGED), *networks), part_of(train(CONFIG.replace(steps=6)), *networks))
