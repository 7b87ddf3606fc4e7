"""Near images: the nearest others as they are, and of what was moved what it was moved from."""

import math

import pytest
import torch
from infogan.pretraining.transforms import DRAWS, move
from torch import Tensor

from infogan.config.transforms import Transforms, parse_transforms
from infogan.data import load
from infogan.pretraining.clustering import neighbours as module
from infogan.pretraining.clustering.neighbours import NEIGHBOURS, neighbours

STILL = parse_transforms("rotate:0")
TURNED = parse_transforms("rotate:0.6 translate:0.1")


def near(x: Tensor, motion: Transforms, index: Tensor | None = None) -> Tensor:
    index = torch.arange(len(x)) if index is None else index
    rng = torch.Generator().manual_seed(0)
    return torch.cat(list(neighbours(lambda part: x[part], index, motion, rng, 0.0)))


def test_of_images_that_stay_they_are_the_nearest_others() -> None:
    x = torch.rand(1100, 1, 4, 5, generator=torch.Generator().manual_seed(0))
    rows = x.flatten(1).double()
    distance = torch.cdist(rows, rows).fill_diagonal_(math.inf)
    expected = distance.topk(NEIGHBOURS, largest=False).indices
    assert torch.equal(near(x, STILL), expected)


def test_they_are_places_in_the_index() -> None:
    x = torch.rand(40, 1, 4, 5, generator=torch.Generator().manual_seed(1))
    index = torch.randperm(40, generator=torch.Generator().manual_seed(2))[:30]
    assert torch.equal(near(x, STILL, index), near(x[index], STILL))


def test_a_few_images_have_fewer() -> None:
    assert near(torch.rand(3, 1, 4, 4), STILL).sort().values.tolist() == [[1, 2], [0, 2], [0, 1]]


@pytest.fixture
def digits() -> Tensor:
    return load("digits").pixels.take(torch.arange(300)) / 255


def test_a_turned_image_is_near_what_it_was_turned_from(digits: Tensor) -> None:
    """Each image and a moved copy, among its neighbours: far more often than where no motion is tried."""
    u = torch.rand(DRAWS, len(digits), generator=torch.Generator().manual_seed(3))
    x = torch.cat([digits, move(digits, TURNED, u, 0.0)])
    partner = torch.arange(600).roll(300)[:, None]
    still, moved = (float((near(x, each) == partner).any(1).float().mean()) for each in (STILL, TURNED))
    assert moved > 0.6
    assert moved > 2 * still


def test_large_images_are_brought_to_fewer_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """What differs by a chequered pattern alone is one; components are no more than there are pixels."""
    monkeypatch.setattr(module, "WIDTH", 10_000)
    x = torch.rand(8, 3, 8, 8, generator=torch.Generator().manual_seed(4)).repeat_interleave(4, 2)
    x = x.repeat_interleave(4, 3)  # 32 by 32
    pattern = 0.1 * (torch.arange(32)[:, None] + torch.arange(32)).remainder(2).mul(2).sub(1)
    both = torch.cat([x, x + pattern])
    assert near(both, STILL)[:, 0].tolist() == [(i + 8) % 16 for i in range(16)]
