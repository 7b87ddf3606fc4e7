"""Nearest neighbours minimised over transforms: an image is near its transformed copy."""

import math

import pytest
import torch
from torch import Tensor
from trainers import DIGITS

from infogan.config.transforms import Transforms
from infogan.method.transforms import N_UNIFORMS, transform
from infogan.pretraining.clustering import neighbours
from infogan.pretraining.clustering.neighbours import N_NEIGHBOURS, nearest_neighbours

NONE, ROTATED = Transforms(), Transforms(rotate=0.6, translate=0.1)


def rand(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def near(x: Tensor, transforms: Transforms = NONE, index: Tensor | None = None) -> Tensor:
    index = torch.arange(len(x)) if index is None else index
    rng = torch.Generator().manual_seed(0)
    return torch.cat(list(nearest_neighbours(lambda part: x[part], index, transforms, rng, 0.0)))


def test_without_transforms_they_are_the_nearest_other_images() -> None:
    x = rand(1100, 1, 4, 5)
    rows = x.flatten(1).double()
    distance = torch.cdist(rows, rows).fill_diagonal_(math.inf)
    assert torch.equal(near(x), distance.topk(N_NEIGHBOURS, largest=False).indices)


def test_they_are_places_in_the_index() -> None:
    x = rand(40, 1, 4, 5)
    index = torch.randperm(40, generator=torch.Generator().manual_seed(2))[:30]
    assert torch.equal(near(x, index=index), near(x[index]))


def test_three_images_have_two_neighbours() -> None:
    assert near(rand(3, 1, 4, 4)).sort().values.tolist() == [[1, 2], [0, 2], [0, 1]]


def test_a_rotated_image_is_near_the_original() -> None:
    """Among 300 digits and a transformed copy of each: far more often than if no transform is tried."""
    digits = DIGITS.pixels.take(torch.arange(300)) / 255
    x = torch.cat([digits, transform(digits, ROTATED, rand(N_UNIFORMS, 300, seed=3), 0.0)])
    partner = torch.arange(600).roll(300)[:, None]
    plain, minimised = ((near(x, each) == partner).any(1).float().mean() for each in (NONE, ROTATED))
    assert minimised > 0.6
    assert minimised > 2 * plain


def test_large_images_are_pooled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images that differ by a chequered pattern alone are equal; components are no more than pixels."""
    monkeypatch.setattr(neighbours, "N_COMPONENTS", 10_000)
    x = rand(8, 3, 8, 8).repeat_interleave(4, 2).repeat_interleave(4, 3)  # 32 by 32
    pattern = 0.1 * (torch.arange(32)[:, None] + torch.arange(32)).remainder(2).mul(2).sub(1)
    assert near(torch.cat([x, x + pattern]))[:, 0].tolist() == [(i + 8) % 16 for i in range(16)]
