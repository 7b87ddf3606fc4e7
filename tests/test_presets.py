"""Every preset trains for some steps on its images, or on noise of their shape if they are missing."""

import os

import numpy as np
import pytest
import torch
from trainers import make_trainer

from infogan import data
from infogan.config.presets import PRESETS
from infogan.data import DATASETS, DEFAULT_OPTIONS, Factors, Images
from infogan.data.synthetic.chairs3d import FACTORS as CHAIR_FACTORS
from infogan.data.synthetic.chairs3d import render_chairs, sample_shape
from infogan.data.synthetic.faces3d import FACTORS as FACE_FACTORS
from infogan.data.synthetic.faces3d import render_people
from infogan.data.synthetic.head import has_head, load_head

BATCH = 8
SLOW_TO_DIFFER = (
    "digits",
    "sprites",
    "sprites-code",
    "mnist-small",
)  # whose images round to equal ones at first


def sample_images(name: str) -> Images:
    """Images of a data set: real ones if that needs no download and no rendering of the full set."""
    dataset = DATASETS[name]
    if name == "chairs3d":
        shapes = np.stack([sample_shape(i) for i in range(8)]).repeat(4, axis=0)
        angles = np.tile(np.linspace(0, 5, 4), 8)
        values = np.column_stack([shapes, angles, np.full(32, 0.4)])
        return Images.from_arrays(render_chairs(values), factors=Factors(CHAIR_FACTORS, values))
    if name == "faces3d" and has_head(DEFAULT_OPTIONS):
        drawn = render_people(load_head(DEFAULT_OPTIONS), range(4), 8)
        return Images.from_arrays(drawn["x"], factors=Factors(FACE_FACTORS, drawn["values"]))
    if name in ("digits", "sprites"):
        return data.load(name)
    if "INFOGAN_DATA" in os.environ and name != "faces3d" and dataset.is_available(DEFAULT_OPTIONS, "train"):
        return data.load(name)
    noise = np.random.default_rng(0).integers(0, 256, (64, *dataset.shape), np.uint8)
    return Images.from_arrays(np.sort(noise, axis=-1))


# Variants of a preset differ in numbers that a step only multiplies by, or in resolution.
VARIANTS = [*(name for name in PRESETS if "-paper-" in name), "chairs-32"]


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.night if n in VARIANTS else ()) for n in PRESETS]
)
def test_a_few_steps(name: str, nightly: bool) -> None:
    steps = 20 if nightly or name in SLOW_TO_DIFFER else 3
    config = PRESETS[name]().replace(steps=steps, batch_size=BATCH, device="cpu")
    images = sample_images(config.data.images)
    assert images.shape == DATASETS[config.data.images].shape
    images = images.reduced(config.networks.image_shape)
    trainer = make_trainer(config, images)  # with random targets if the preset pretrains
    model = trainer.model
    before = [p.clone() for net in (model.G, model.D) for p in net.parameters()]
    metrics = [values for _, values in trainer.fit()]
    assert len(metrics) == steps
    assert all(value.isfinite().all() for values in metrics for value in values.values())
    after = [p for net in (model.G, model.D) for p in net.parameters()]
    for old, new in zip(before, after, strict=True):
        assert torch.isfinite(new).all()
        assert not torch.equal(old, new)
    x = model.sample(16, torch.Generator().manual_seed(0))
    assert len(np.unique(x.reshape(16, -1), axis=0)) == 16  # no two are equal
    assert torch.isfinite(model.encode(images.subsample(16).x).values).all()
