"""One seed, one result: neither a stop with a state in bytes nor another process changes a bit."""

import hashlib
import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
from trainers import EVERYTHING, assert_same_bits, is_same, make_trainer, part_of, resumed, train

from infogan.config import Config
from infogan.config.presets import PRESETS, custom_images, custom_vectors
from infogan.data import Images
from infogan.training.state import state_of

CUSTOM = {
    "custom-colour": custom_images("mine", 100, (3, 32, 32)),
    "custom-vectors": custom_vectors("mine", 100, (1, 1, 12), "cat:5 unif:2 noise:8"),
    "everything": EVERYTHING,
}
CONFIGS = {name: preset() for name, preset in PRESETS.items()} | CUSTOM
# Presets that differ in numbers that a step only multiplies by are one case.
SAME = {"images": "any", "precision": "32-true", "lam": (1.0,), "lr_d": 1e-4, "lr_g": 1e-3, "steps": 1}
ALIKE: dict[Config, list[str]] = {}
for name, config in CONFIGS.items():
    ALIKE.setdefault(config.replace(**SAME), []).append(name)
CASES = {"=".join(names): config for config, names in ALIKE.items()}
IN_BF16 = ("digits", "mnist-quick", "svhn-paper", "sprites", "custom-colour")
CASES |= {f"{name}, bf16": CONFIGS[name].replace(precision="bf16-mixed") for name in IN_BF16}
# By day two cases of bf16 are enough: the precision of a step does not depend on the architecture. Nor does
# what a state holds, so that the largest networks wait as well.
AT_NIGHT = {"mnist-quick, bf16", "svhn-paper, bf16", "sprites, bf16", "chairs-paper", "faces-paper"}


def short(config: Config, seed: int = 0) -> Config:
    """Four steps of a few images, on the processor."""
    return config.replace(seed=seed, steps=4, batch_size=3, device="cpu")


def noise(config: Config) -> Images:
    """Ten images: an epoch is three steps, so that step 2 is in the first, step 4 in the second."""
    rng, shape = np.random.default_rng(0), (10, *config.networks.image_shape)
    if config.networks.architecture == "vectors":
        return Images.from_arrays(rng.normal(size=shape).astype(np.float32))
    x = rng.integers(0, 256, shape, dtype=np.uint8)
    x[..., [0, -1], :] = x[..., [0, -1]] = (
        0  # a knob that translates is refused if all images reach their edge
    )
    return Images.from_arrays(x)


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(config, id=name, marks=[pytest.mark.night] if AT_NIGHT & set(name.split("=")) else [])
        for name, config in CASES.items()
    ],
)
def test_resuming_from_bytes_changes_no_bit(config: Config) -> None:
    config = short(config)
    straight = make_trainer(config, noise(config))
    list(islice(straight.fit(), 2))
    content = safetensors.torch.save(state_of(straight))
    expected = list(straight.fit())
    second = resumed(config, safetensors.torch.load(content), noise(config))
    assert not is_same(state_of(second), state_of(straight))  # step 2 is not step 4
    found = list(second.fit())
    assert [step for step, _ in found] == [step for step, _ in expected] == [3, 4]
    for (_, metrics), (_, due) in zip(found, expected, strict=True):
        assert_same_bits(metrics, due)
    assert_same_bits(state_of(second), state_of(straight))
    assert all(tensor.isfinite().all() for tensor in state_of(second).values())


@pytest.mark.parametrize("name", ["digits", "custom-colour", "custom-vectors"])
def test_another_seed_gives_other_bits(name: str) -> None:
    first, again, other = (train(short(CONFIGS[name], seed), noise(CONFIGS[name])) for seed in (0, 0, 1))
    assert_same_bits(again, first)
    weights = [key for key in part_of(first, "G.", "D.") if key.endswith("weight")]
    assert not any(is_same({key: first[key]}, {key: other[key]}) for key in weights)


def digest(name: str) -> str:
    """The hash of the state and the metrics of four steps of a config."""
    trainer = make_trainer(short(CONFIGS[name]), noise(CONFIGS[name]))
    steps = [metrics for _, metrics in trainer.fit()]
    found = hashlib.sha256(safetensors.torch.save(state_of(trainer)))
    for metrics in steps:
        found.update(safetensors.torch.save(metrics))
    return found.hexdigest()


@pytest.mark.parametrize("name", ["everything"])
def test_two_processes_give_the_same_bits(name: str) -> None:
    """What Python orders by hash, which differs from process to process, decides nothing."""
    code = f"from {Path(__file__).stem} import digest; print(digest({name!r}))"
    here = Path(__file__).parent
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": f"{here.parent}:{here}", "PYTHONHASHSEED": "1"},
        cwd=here.parent,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert len(found) == 64
    assert found == digest(name)
