"""Precision, recall, density and coverage of generated images, by nearest neighbours among their features.

The manifold of a sample is the union of balls around its points. The radius of a ball is the distance to the
point's k-th nearest other point of the same sample.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from infogan.evaluation.image_quality.fid_kid import CHUNK, check_features, squared_distances


def precision_recall(
    real: Float[np.ndarray, "n _"], fake: Float[np.ndarray, "m _"], k: int = 3
) -> tuple[float, float]:
    """The shares of generated images on the real manifold, and of real images on the generated manifold.

    Kynkäänniemi et al. 2019, Eq. (1) and (2).
    """
    x, y = check_features(real, fake, min_images=k + 1)
    radius_x, radius_y = _radii(x, k), _radii(y, k)
    n_precise = 0
    is_recalled = torch.zeros(len(x), dtype=torch.bool)
    for distance, radius in zip(squared_distances(y, x), torch.split(radius_y, CHUNK), strict=True):
        n_precise += int((distance <= radius_x).any(dim=1).sum())
        is_recalled |= (distance <= radius[:, None]).any(dim=0)
    return n_precise / len(y), float(is_recalled.double().mean())


def density_coverage(
    real: Float[np.ndarray, "n _"], fake: Float[np.ndarray, "m _"], k: int = 5
) -> tuple[float, float]:
    """The mean number of real balls around a generated image, over k; the share of real balls with one.

    The density is unbounded, with mean 1 if both distributions are equal (Naeem et al. 2020).
    """
    x, y = check_features(real, fake, min_images=k + 1)
    radius = _radii(x, k)
    n_balls = 0
    is_covered = torch.zeros(len(x), dtype=torch.bool)
    for distance in squared_distances(y, x):
        inside = distance <= radius
        n_balls += int(inside.sum())
        is_covered |= inside.any(dim=0)
    return n_balls / (k * len(y)), float(is_covered.double().mean())


def nearest_neighbours(
    x: Float[Tensor, "n width"], k: int
) -> tuple[Int[Tensor, "n k"], Float[Tensor, "n k"]]:
    """Indices of the k nearest other points of each point, nearest first, and their squared distances."""
    indices, distances = [], []
    for i, distance in enumerate(squared_distances(x, x)):
        distance.diagonal(i * CHUNK).fill_(torch.inf)
        found = distance.topk(k, dim=1, largest=False)
        indices.append(found.indices)
        distances.append(found.values)
    return torch.cat(indices), torch.cat(distances)


def _radii(x: Float[Tensor, "n width"], k: int) -> Float[Tensor, "n"]:
    """Squared distances to each point's k-th nearest neighbour."""
    return nearest_neighbours(x, k)[1][:, -1]
