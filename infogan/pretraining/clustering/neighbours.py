"""The nearest neighbours of images under transforms, which share a class more often than those in pixels."""

import math
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from infogan.config.transforms import Transforms
from infogan.method.transforms import N_UNIFORMS, transform

N_NEIGHBOURS = 10
N_TRANSFORMS = 40  # per image, the first of which leaves it as it is; the smallest distance counts
MAX_SIDE = 16  # pixels after pooling: MNIST at half its size has the same neighbours
N_COMPONENTS = 96  # principal components of the pixels: half the time, and the others are mostly noise
CHUNK = 500


def nearest_neighbours(
    images: Callable[[Int[Tensor, "b"]], Float[Tensor, "b ch h w"]],
    index: Int[Tensor, "n"],
    transforms: Transforms,
    rng: torch.Generator,
    low: float,
) -> Iterator[Int[Tensor, "b neighbours"]]:
    """The nearest neighbours of each of these images among them, as places in `index`, some images at a time.

    The distance of two images is that of their pixels, the smallest over transforms of the first.

    Args:
        images: returns the images of an index, in [low, 1].
    """
    base = torch.cat([_pooled(images(part)) for part in torch.split(index, CHUNK)])
    components = torch.linalg.eigh(torch.cov(base.T)).eigenvectors[:, -N_COMPONENTS:]
    base = base @ components
    ones, square = base.new_ones(len(base), 1), (base**2).sum(1, keepdim=True)
    base = torch.cat([-2 * base, ones, square], dim=1).T  # so that one product gives squared distances
    n_neighbours = min(N_NEIGHBOURS, len(index) - 1)
    for first, part in enumerate(torch.split(index, CHUNK)):
        x = images(part)
        distance = x.new_full((len(part), len(index)), torch.inf)
        for trial in range(N_TRANSFORMS):
            u = torch.rand(N_UNIFORMS, len(part), generator=rng, device=x.device, dtype=x.dtype)
            rows = _pooled(transform(x, transforms, u, low) if trial else x) @ components
            rows = torch.cat([rows, (rows**2).sum(1, keepdim=True), rows.new_ones(len(rows), 1)], dim=1)
            torch.minimum(distance, rows @ base, out=distance)
        own = torch.arange(len(part), device=x.device)
        distance[own, first * CHUNK + own] = torch.inf
        yield distance.topk(n_neighbours, largest=False).indices


def _pooled(x: Float[Tensor, "n ch h w"]) -> Float[Tensor, "n d"]:
    """Images as rows of pixels, pooled to `MAX_SIDE` or less."""
    h, w = (math.ceil(side / MAX_SIDE) for side in x.shape[2:])
    return F.avg_pool2d(x, (h, w)).flatten(1)
