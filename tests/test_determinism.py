"""One seed, one result: going on from a state that was bytes changes no bit, nor does another process."""

import hashlib
import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor

from infogan.config import Config
from infogan.config.presets import PRESETS, custom_vectors, own
from infogan.data import Images
from infogan.method.model import make_model
from infogan.training.trainer import Trainer, Update

OWN = {
    "own-colour": own("own", 100, (3, 32, 32)),
    "own-vectors": custom_vectors("own", 100, (1, 1, 12), "cat:5 unif:2 noise:8"),
}
CONFIGS = {name: preset() for name, preset in PRESETS.items()} | OWN
# Some presets are told apart by the images alone, or not at all; of these one stands for all.
ALIKE: dict[Config, list[str]] = {}
for name, config in CONFIGS.items():
    ALIKE.setdefault(config.replace(images="any", precision="32-true"), []).append(name)
CASES = {"=".join(names): config for config, names in ALIKE.items()}
IN_BF16 = ("digits", "mnist-quick", "svhn", "sprites", "own-colour")
CASES |= {f"{name}, bf16": (CONFIGS[name]).replace(precision="bf16-mixed") for name in IN_BF16}


def short(config: Config, seed: int = 0) -> Config:
    """Ten updates of a few images, on the processor."""
    return config.replace(seed=seed, steps=10, batch_size=3, device="cpu")


def drawn(config: Config) -> Images:
    """Thirteen images of noise: the ten updates are two epochs of four and go into a third."""
    rng = np.random.default_rng(0)
    if config.networks.architecture == "vectors":
        return Images.from_arrays(rng.normal(size=(13, *config.networks.image_shape)).astype(np.float32))
    return Images.from_arrays(rng.integers(0, 256, (13, *config.networks.image_shape), dtype=np.uint8))


def make_trainer(config: Config) -> Trainer:
    return Trainer(config, make_model(config), drawn(config))


def assert_same_bits(found: dict[str, Tensor], due: dict[str, Tensor]) -> None:
    assert found.keys() == due.keys()
    for name, tensor in due.items():
        assert found[name].dtype == tensor.dtype, name
        assert torch.equal(found[name], tensor), name


def told(update: Update) -> dict[str, Tensor]:
    """What an update says of itself, as tensors by name."""
    return {name: torch.as_tensor(value) for name, value in update._asdict().items()}


@pytest.mark.parametrize("config", [pytest.param(config, id=name) for name, config in CASES.items()])
def test_going_on_from_bytes_changes_no_bit(config: Config) -> None:
    config = short(config)
    straight = make_trainer(config)
    list(islice(straight.fit(), 5))
    content = safetensors.torch.save(straight.state())
    due = list(straight.fit())

    # Of other weights than the seed's, so that all there is comes from the bytes.
    resumed = Trainer(config, make_model(config.replace(seed=9)), drawn(config))
    resumed.load_state(safetensors.torch.load(content))
    found = list(resumed.fit())

    assert [update.n for update in found] == [6, 7, 8, 9, 10]
    for update, expected in zip(found, due, strict=True):
        assert_same_bits(told(update), told(expected))
    assert_same_bits(resumed.state(), straight.state())
    assert all(tensor.isfinite().all() for tensor in resumed.state().values())


@pytest.mark.parametrize("name", ["digits", "own-colour", "own-vectors"])
def test_another_seed_gives_other_bits(name: str) -> None:
    def weights(seed: int) -> dict[str, Tensor]:
        trainer = make_trainer(short(CONFIGS[name], seed))
        list(trainer.fit())
        return {name: tensor for name, tensor in trainer.state().items() if name.endswith("weight")}

    first, other = weights(0), weights(1)
    assert_same_bits(weights(0), first)
    assert not any(torch.equal(tensor, other[name]) for name, tensor in first.items())


def test_state_of_update_five_is_not_that_of_update_ten() -> None:
    """So that the comparison above can tell one state from another."""
    trainer = make_trainer(short(CONFIGS["digits"]))
    list(islice(trainer.fit(), 5))
    early = safetensors.torch.load(safetensors.torch.save(trainer.state()))
    list(trainer.fit())
    with pytest.raises(AssertionError):
        assert_same_bits(early, trainer.state())


def digest(name: str) -> str:
    """The hash of all that ten updates of a config leave."""
    trainer = make_trainer(short(CONFIGS[name]))
    steps = [told(update) for update in trainer.fit()]
    known = hashlib.sha256(safetensors.torch.save(trainer.state()))
    for update in steps:
        known.update(safetensors.torch.save(update))
    return known.hexdigest()


@pytest.mark.parametrize("name", ["sprites"])
def test_two_processes_give_the_same_bits(name: str) -> None:
    """What Python orders by hash, which differs from process to process, decides nothing."""
    code = f"from {Path(__file__).stem} import digest; print(digest({name!r}))"
    here = Path(__file__).parent

    def elsewhere(hash_seed: str) -> str:
        ran = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": str(here), "PYTHONHASHSEED": hash_seed},
            cwd=here.parent,
            capture_output=True,
            text=True,
            check=True,
        )
        return ran.stdout.strip()

    first, second = elsewhere("1"), elsewhere("2")
    assert len(first) == 64
    assert first == second
