"""FID and KID: distances between the distributions of the features of real and generated images."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from infogan.utils.errors import InfoganError

CHUNK = 100  # rows of a matrix of pairs at once, so memory does not grow with the square of the images


def check_features(
    real: Float[np.ndarray, "n _"], fake: Float[np.ndarray, "m _"], min_images: int = 2
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


def fid(real: Float[np.ndarray, "n _"], fake: Float[np.ndarray, "m _"]) -> float:
    """The squared Fréchet distance of the Gaussians with both samples' moments (Heusel et al. 2017, Eq. (6)).

        |m - m_w|^2 + Tr(C + C_w - 2 (C C_w)^(1/2))

    It is biased upwards, more so with fewer images: compare values only for equal numbers of images. With
    C = R^T R and C_w = S^T S, the trace of the root is the sum of the singular values of R S^T, even if a
    covariance is singular. (torchmetrics takes roots of the eigenvalues of C C_w, which loses half the digits
    there, and takes up to 25 times as long.)
    """
    x, y = check_features(real, fake)
    m, m_w = x.mean(dim=0), y.mean(dim=0)
    R, S = (torch.linalg.qr(z - z.mean(dim=0), mode="r").R / (len(z) - 1) ** 0.5 for z in (x, y))
    root = torch.linalg.svdvals(R @ S.T).sum()
    distance = (m - m_w).square().sum() + R.square().sum() + S.square().sum() - 2 * root
    return max(0.0, float(distance))


def kid(real: Float[np.ndarray, "n _"], fake: Float[np.ndarray, "m _"]) -> float:
    """The squared maximum mean discrepancy, unbiased, under (x . y / width + 1)^3 (Bińkowski et al. 2018).

    Its mean is 0 if both distributions are equal, so it may be negative. Takes all pairs of images; the usual
    code averages 100 random subsets of 1,000, with the same expectation and more noise.
    """
    x, y = check_features(real, fake)
    n, m = len(x), len(y)
    within_x = (_kernel_sum(x, x) - _diagonal_sum(x)) / (n * (n - 1))
    within_y = (_kernel_sum(y, y) - _diagonal_sum(y)) / (m * (m - 1))
    return within_x + within_y - 2 * _kernel_sum(x, y) / (n * m)


def squared_distances(
    x: Float[Tensor, "n width"], y: Float[Tensor, "m width"]
) -> Iterator[Float[Tensor, "rows m"]]:
    """|x - y|^2 of all pairs, CHUNK rows of x at a time."""
    y_squared = y.square().sum(dim=1)
    for part in torch.split(x, CHUNK):
        yield torch.addmm(y_squared, part, y.T, alpha=-2).add_(part.square().sum(dim=1, keepdim=True))


def _kernel_sum(x: Float[Tensor, "n width"], y: Float[Tensor, "m width"]) -> float:
    one = torch.ones((), dtype=x.dtype)
    parts = (torch.addmm(one, part, y.T, alpha=1 / x.shape[1]) for part in torch.split(x, CHUNK))
    return math.fsum(float(part.pow_(3).sum()) for part in parts)


def _diagonal_sum(x: Float[Tensor, "n width"]) -> float:
    return float((x.square().mean(dim=1) + 1).pow(3).sum())
