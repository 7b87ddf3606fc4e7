"""Several seeds trained as one are what each is alone, up to rounding."""

from itertools import islice

import pytest
import torch
from torch.testing import assert_close
from trainers import (
    CONFIG,
    DIGITS,
    EVERYTHING,
    assert_close_states,
    copied,
    make_stacked,
    make_trainer,
    resumed,
    train,
)

from infogan.config import Config
from infogan.data import Images
from infogan.training.launch import make_stacked_trainer
from infogan.training.state import load_state, state_of
from infogan.utils.errors import InfoganError

SEEDS = (3, 5, 8)
EXACT = CONFIG.replace(precision="64-true", steps=8, resample_fake=True, fixed_std=None)
# With targets, averages, augmentation, R1 and the orthogonal Jacobian.
ALL_ON = EVERYTHING.replace(precision="64-true", steps=6, lr_decay_fraction=0.5)
# Without a fully connected layer in D.
COLOUR = EXACT.replace(architecture="small", shape=(3, 16, 16), batch_size=4, steps=2)
COLOURED = Images.from_arrays(torch.randint(256, (12, 3, 16, 16), dtype=torch.uint8).numpy())


@pytest.mark.parametrize(
    ("config", "images"),
    [(EXACT, DIGITS), (ALL_ON, DIGITS), (COLOUR, COLOURED)],
    ids=["usual", "all on", "colour"],
)
def test_stacked_seeds_are_each_seed_alone(config: Config, images: Images) -> None:
    stacked = make_stacked(config, SEEDS, images)
    *_, (_, metrics) = stacked.fit()
    for i, (seed, of_seed) in enumerate(zip(SEEDS, stacked.seeds.split(metrics), strict=True)):
        alone = make_trainer(config.replace(seed=seed), images)
        *_, (_, expected) = alone.fit()
        assert list(of_seed) == list(expected)
        assert_close(of_seed, expected, rtol=1e-5, atol=1e-7)
        assert_close_states(state_of(stacked, i), state_of(alone))
        assert torch.equal(state_of(stacked, i)["rng"], state_of(alone)["rng"])


def test_stacked_seeds_continue_from_single_ones_and_back() -> None:
    halves = []
    for seed in SEEDS:
        alone = make_trainer(ALL_ON.replace(seed=seed))
        list(islice(alone.fit(), 2))
        halves.append(copied(state_of(alone)))
    stacked = make_stacked(ALL_ON, SEEDS)
    load_state(stacked, *halves)
    assert [step for step, _ in islice(stacked.fit(), 2)] == [3, 4]
    alone = resumed(ALL_ON.replace(seed=SEEDS[1]), state_of(stacked, 1))
    list(alone.fit())
    assert_close_states(state_of(alone), train(ALL_ON.replace(seed=SEEDS[1])))


def test_stacked_seeds_are_of_32_bits_unless_asked_for_bf16() -> None:
    """Under torch.vmap autocast leaves weights in 32 bits, and a convolution refuses them."""
    stacked = make_stacked(CONFIG.replace(precision="auto"), SEEDS)
    assert stacked.config.run.precision == "32-true"
    assert all(value.isfinite().all() for value in next(stacked.fit()).values.values())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"precision": "bf16-mixed"}, "not stacked in bf16-mixed.* set precision to 32-true"),
        ({"devices": 2}, "stacked in one process; set devices and nodes to 1"),
    ],
)
def test_what_cannot_be_stacked_is_refused(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(InfoganError, match=sentence):
        make_stacked_trainer(CONFIG.replace(**options), SEEDS, DIGITS)
