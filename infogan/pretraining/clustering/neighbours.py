"""Which images are near which, as they move: nearer than as they are, and more often of one kind."""

import math
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from infogan.config.spec import Motion
from infogan.pretraining.transforms import DRAWS, move

NEIGHBOURS = 10  # of each image
MOTIONS = 40  # tried on it, the first being none; the one that brings two images nearest counts
SIDE = 16  # of images, at most: half of MNIST's tells as much
WIDTH = 96  # principal components of these: in half the time, and what they leave out is mostly noise
CHUNK = 500


def neighbours(
    images: Callable[[Int[Tensor, "b"]], Float[Tensor, "b ch h w"]],
    index: Int[Tensor, "n"],
    motion: Motion,
    rng: torch.Generator,
    low: float,
) -> Iterator[Int[Tensor, "b many"]]:
    """The nearest others of each of these images, places in `index`: some images at a time, in their order.

    The distance is that of pixels, the least over MOTIONS motions of the one image.

    Args:
        images: gives those of an index, in [low, 1].
    """
    base = torch.cat([_rows(images(part)) for part in torch.split(index, CHUNK)])
    main = torch.linalg.eigh(torch.cov(base.T)).eigenvectors[:, -WIDTH:]
    base = base @ main
    ones, square = base.new_ones(len(base), 1), (base**2).sum(1, keepdim=True)
    base = torch.cat([-2 * base, ones, square], dim=1).T  # so that one product gives squared distances
    many = min(NEIGHBOURS, len(index) - 1)
    for first, part in enumerate(torch.split(index, CHUNK)):
        x = images(part)
        distance = x.new_full((len(part), len(index)), torch.inf)
        for trial in range(MOTIONS):
            u = torch.rand(DRAWS, len(part), generator=rng, device=x.device, dtype=x.dtype)
            rows = _rows(move(x, motion, u, low) if trial else x) @ main
            rows = torch.cat([rows, (rows**2).sum(1, keepdim=True), rows.new_ones(len(rows), 1)], dim=1)
            torch.minimum(distance, rows @ base, out=distance)
        own = torch.arange(len(part), device=x.device)
        distance[own, first * CHUNK + own] = torch.inf
        yield distance.topk(many, largest=False).indices


def _rows(x: Float[Tensor, "n ch h w"]) -> Float[Tensor, "n d"]:
    """Images as rows of numbers, of no more pixels than tell neighbours."""
    h, w = (math.ceil(side / SIDE) for side in x.shape[2:])
    return F.avg_pool2d(x, (h, w)).flatten(1)
