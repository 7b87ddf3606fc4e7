"""Trainers of the 8x8 digits, and comparisons of their states, for several test files."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from infogan import data
from infogan.config import Config
from infogan.config.presets import get_preset
from infogan.data import Images
from infogan.method.model import make_model
from infogan.pretraining import Targets
from infogan.training.launch import make_stacked_trainer
from infogan.training.state import State, load_state, state_of
from infogan.training.trainer import Trainer

DIGITS = data.load("digits")
CONFIG = get_preset("digits-code").replace(batch_size=16, steps=3, device="cpu")
# Every term and every option that adds something to a step; its trainers need `random_targets`.
EVERYTHING = CONFIG.replace(
    transforms="rotate:0.2 translate:0.1",
    pretraining_steps=3,
    pseudo_label_weight=2.0,
    r1_weight=0.1,
    orthogonal_jacobian_weight=0.5,
    diffaug=True,
    ema_decay=0.9,
    ema_decay_d=0.8,
)


def make_trainer(config: Config = CONFIG, images: Images = DIGITS) -> Trainer:
    """A trainer in training mode, for steps by hand; with targets if the config pretrains."""
    return _prepared(Trainer(config, make_model(config), images))


def make_stacked(config: Config, seeds: Sequence[int], images: Images = DIGITS) -> Trainer:
    """The same for several seeds, each with the targets that it has alone."""
    return _prepared(make_stacked_trainer(config, seeds, images))


def _prepared(trainer: Trainer) -> Trainer:
    if trainer.config.pretraining.steps:
        n, k = len(trainer.batches.pixels), trainer.model.latent.k
        trainer.use_targets([random_targets(n, k, seed) for seed in trainer.seeds.numbers])
    trainer.seeds.train()
    return trainer


def random_targets(n: int, k: int = 10, seed: int = 0) -> Targets:
    logits = 3 * torch.randn(n, k, generator=torch.Generator().manual_seed(seed))
    return Targets({0: logits.softmax(dim=1).half()})


def train(config: Config = CONFIG, images: Images = DIGITS) -> State:
    """The state after all steps of a config."""
    trainer = make_trainer(config, images)
    assert [step for step, _ in trainer.fit()] == list(range(1, config.optimisation.steps + 1))
    return state_of(trainer)


def resumed(config: Config, state: State, images: Images = DIGITS) -> Trainer:
    """A trainer whose state is all loaded: its own seed drew other weights."""
    trainer = Trainer(config, make_model(config.replace(seed=99)), images)
    load_state(trainer, state)
    return trainer


def copied(state: Mapping[str, Tensor]) -> State:
    return {name: value.clone() for name, value in state.items()}


def part_of(state: Mapping[str, Tensor], *names: str) -> State:
    return {name: value for name, value in state.items() if name.startswith(names)}


def is_same(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> bool:
    """Whether two states are the same bits."""
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def assert_same_bits(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == value.dtype, name
        assert torch.equal(found[name], value), name


def assert_close_states(
    found: Mapping[str, Tensor], expected: Mapping[str, Tensor], rtol: float = 1e-6
) -> None:
    """Relative to the largest entry of each tensor, as a single entry may be close to 0."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        difference = (found[name].double() - value.double()).abs()
        assert difference.numel() == 0 or difference.max() <= rtol * value.double().abs().max(), name
