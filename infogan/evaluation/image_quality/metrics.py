"""FID, KID, precision, recall, density and coverage: from the features of real and generated images.

The last four take the manifold of a sample as the union of balls around its points. The radius of a ball is
the distance to the point's k-th nearest other point of the same sample.
"""

import math
from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from infogan.utils.errors import InfoganError

CHUNK = 100  # rows of a matrix of pairs at once, so memory does not grow with the square of the images
Features = Float[np.ndarray, "_ _"]  # one row per image


def check_features(
    real: Features, fake: Features, min_images: int = 2
) -> tuple[Float[Tensor, "n width"], Float[Tensor, "m width"]]:
    """The features in double precision.

    Raises:
        InfoganError: if there are too few images, a feature is not finite, or the widths differ.
    """
    for what, x in (("real", real), ("generated", fake)):
        if len(x) < min_images:
            raise InfoganError(
                f"image quality: {len(x)} {what} images are too few to compare; at least {min_images} are "
                "needed."
            )
        n_not_finite = int((~np.isfinite(x)).any(axis=1).sum())
        if n_not_finite:
            raise InfoganError(
                f"image quality: features of {n_not_finite:,} {what} images are NaN or infinite; inspect "
                "those images, or choose another feature network."
            )
    if real.shape[1] != fake.shape[1]:
        raise InfoganError(
            f"image quality: features of real images are {real.shape[1]} wide, those of generated ones "
            f"{fake.shape[1]}; compute both with one network."
        )
    return torch.tensor(real, dtype=torch.float64), torch.tensor(fake, dtype=torch.float64)


def fid(real: Features, fake: Features) -> float:
    """The squared Fréchet distance of the Gaussians with both samples' moments (Heusel et al. 2017, Eq. (6)).

        |m - m_w|^2 + Tr(C + C_w - 2 (C C_w)^(1/2))

    It is biased upwards: compare values only for equal numbers of images. With C = R^T R and C_w = S^T S, the
    trace of the root is the sum of the singular values of R S^T, even if a covariance is singular.
    (torchmetrics' eigenvalues of C C_w lose half the digits there, and take up to 25 times as long.)
    """
    x, y = check_features(real, fake)
    m, m_w = x.mean(dim=0), y.mean(dim=0)
    R, S = (torch.linalg.qr(z - z.mean(dim=0), mode="r").R / (len(z) - 1) ** 0.5 for z in (x, y))
    root = torch.linalg.svdvals(R @ S.T).sum()
    distance = (m - m_w).square().sum() + R.square().sum() + S.square().sum() - 2 * root
    return max(0.0, float(distance))


def kid(real: Features, fake: Features) -> float:
    """The squared maximum mean discrepancy, unbiased, under (x . y / width + 1)^3 (Bińkowski et al. 2018).

    Its mean is 0 if both distributions are equal, so it may be negative. Takes all pairs of images; the usual
    code averages 100 random subsets of 1,000, with the same expectation and more noise.
    """
    x, y = check_features(real, fake)
    n, m = len(x), len(y)
    within_x, within_y = (
        (_kernel_sum(z, z) - float((z.square().mean(dim=1) + 1).pow(3).sum())) / (len(z) * (len(z) - 1))
        for z in (x, y)
    )
    return within_x + within_y - 2 * _kernel_sum(x, y) / (n * m)


def _kernel_sum(x: Float[Tensor, "n width"], y: Float[Tensor, "m width"]) -> float:
    one = torch.ones((), dtype=x.dtype)
    parts = (torch.addmm(one, part, y.T, alpha=1 / x.shape[1]) for part in torch.split(x, CHUNK))
    return math.fsum(float(part.pow_(3).sum()) for part in parts)


def precision_recall(real: Features, fake: Features, k: int = 3) -> tuple[float, float]:
    """The shares of generated images on the real manifold, and of real images on the generated manifold.

    Kynkäänniemi et al. 2019, Eq. (1) and (2).
    """
    x, y = check_features(real, fake, min_images=k + 1)
    radius_x, radius_y = _radii(x, k), _radii(y, k)
    n_precise = 0
    is_recalled = torch.zeros(len(x), dtype=torch.bool)
    for distance, radius in zip(_squared_distances(y, x), torch.split(radius_y, CHUNK), strict=True):
        n_precise += int((distance <= radius_x).any(dim=1).sum())
        is_recalled |= (distance <= radius[:, None]).any(dim=0)
    return n_precise / len(y), float(is_recalled.double().mean())


def density_coverage(real: Features, fake: Features, k: int = 5) -> tuple[float, float]:
    """Density and coverage (Naeem et al. 2020), with balls around the real images.

    Density: the mean number of balls in which a generated image lies, over k; its expectation is 1 if both
    distributions are equal, and it has no upper bound. Coverage: the share of balls that hold a generated
    image.
    """
    x, y = check_features(real, fake, min_images=k + 1)
    radius = _radii(x, k)
    n_balls = 0
    is_covered = torch.zeros(len(x), dtype=torch.bool)
    for distance in _squared_distances(y, x):
        inside = distance <= radius
        n_balls += int(inside.sum())
        is_covered |= inside.any(dim=0)
    return n_balls / (k * len(y)), float(is_covered.double().mean())


def nearest_neighbours(
    x: Float[Tensor, "n width"], k: int
) -> tuple[Int[Tensor, "n k"], Float[Tensor, "n k"]]:
    """Indices of the k nearest other points of each point, nearest first, and their squared distances."""
    indices, distances = [], []
    for i, distance in enumerate(_squared_distances(x, x)):
        distance.diagonal(i * CHUNK).fill_(torch.inf)
        found = distance.topk(k, dim=1, largest=False)
        indices.append(found.indices)
        distances.append(found.values)
    return torch.cat(indices), torch.cat(distances)


def _radii(x: Float[Tensor, "n width"], k: int) -> Float[Tensor, "n"]:
    """Squared distances to each point's k-th nearest neighbour."""
    return nearest_neighbours(x, k)[1][:, -1]


def _squared_distances(
    x: Float[Tensor, "n width"], y: Float[Tensor, "m width"]
) -> Iterator[Float[Tensor, "rows m"]]:
    """|x - y|^2 of all pairs, CHUNK rows of x at a time."""
    y_squared = y.square().sum(dim=1)
    for part in torch.split(x, CHUNK):
        yield torch.addmm(y_squared, part, y.T, alpha=-2).add_(part.square().sum(dim=1, keepdim=True))
