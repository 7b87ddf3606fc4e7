"""Where two samples of features lie beside each other, told by their nearest neighbours.

The manifold of a sample is the union of balls around its points, each as wide as the distance to the
point's k-th nearest neighbour in the same sample, itself left out.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from infogan.evaluation.image_quality.fid import ROWS, checked, squared_distances


def precision_recall(
    real: Float[np.ndarray, "n _"], fake: Float[np.ndarray, "m _"], k: int = 3
) -> tuple[float, float]:
    """How many generated images lie on the real ones' manifold, and how many real ones on theirs.

    Both in [0, 1], the share of images (Kynkäänniemi et al. 2019, Eq. (1) and (2)).

    Raises:
        InfoganError: for k images or fewer, and as `checked` does.
    """
    x, y = checked(real, fake, least=k + 1)
    radius_x, radius_y = _radii(x, k), _radii(y, k)
    precise = 0
    recalled = torch.zeros(len(x), dtype=torch.bool)
    for distance, radius in zip(squared_distances(y, x), torch.split(radius_y, ROWS), strict=True):
        precise += int((distance <= radius_x).any(dim=1).sum())
        recalled |= (distance <= radius[:, None]).any(dim=0)
    return precise / len(y), float(recalled.double().mean())


def density_coverage(
    real: Float[np.ndarray, "n _"], fake: Float[np.ndarray, "m _"], k: int = 5
) -> tuple[float, float]:
    """In how many real balls a generated image lies, over k; how many real balls hold a generated image.

    The density has mean 1 where both laws are one, and no bound; the coverage is a share, in [0, 1]
    (Naeem et al. 2020).

    Raises:
        InfoganError: for k images or fewer, and as `checked` does.
    """
    x, y = checked(real, fake, least=k + 1)
    radius = _radii(x, k)
    balls = 0
    covered = torch.zeros(len(x), dtype=torch.bool)
    for distance in squared_distances(y, x):
        inside = distance <= radius
        balls += int(inside.sum())
        covered |= inside.any(dim=0)
    return balls / (k * len(y)), float(covered.double().mean())


def nearest(x: Float[Tensor, "n width"], k: int) -> tuple[Int[Tensor, "n k"], Float[Tensor, "n k"]]:
    """The k nearest others of each point, the nearest first, and their squared distances."""
    indices, distances = [], []
    for i, distance in enumerate(squared_distances(x, x)):
        distance.diagonal(i * ROWS).fill_(torch.inf)
        found = distance.topk(k, dim=1, largest=False)
        indices.append(found.indices)
        distances.append(found.values)
    return torch.cat(indices), torch.cat(distances)


def _radii(x: Float[Tensor, "n width"], k: int) -> Float[Tensor, "n"]:
    """Squared distances to each point's k-th nearest neighbour."""
    return nearest(x, k)[1][:, -1]
