"""Distances between the laws that two samples of features come from."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from infogan.utils.errors import InfoganError

ROWS = 100  # of a matrix of pairs at once, so that memory does not grow with the square of the images


def checked(
    real: Float[np.ndarray, "n _"], fake: Float[np.ndarray, "m _"], least: int = 2
) -> tuple[Float[Tensor, "n width"], Float[Tensor, "m width"]]:
    """The features in double precision.

    Raises:
        InfoganError: for fewer images than the least, features that are not finite, or widths that differ.
    """
    for what, x in (("real", real), ("generated", fake)):
        if len(x) < least:
            raise InfoganError(
                f"image quality: {len(x)} {what} images are too few to compare; {least} are the least."
            )
        broken = int((~np.isfinite(x)).any(axis=1).sum())
        if broken:
            raise InfoganError(
                f"image quality: features of {broken:,} {what} images are NaN or infinite; look at "
                "those images, or name another network."
            )
    if real.shape[1] != fake.shape[1]:
        raise InfoganError(
            f"image quality: features of real images are {real.shape[1]} wide, those of generated ones "
            f"{fake.shape[1]}; take both from one network."
        )
    return torch.tensor(real, dtype=torch.float64), torch.tensor(fake, dtype=torch.float64)


def fid(real: Float[np.ndarray, "n _"], fake: Float[np.ndarray, "m _"]) -> float:
    """The squared Fréchet distance of the Gaussians with both samples' moments (Heusel et al. 2017, Eq. (6)).

        |m - m_w|^2 + Tr(C + C_w - 2 (C C_w)^(1/2))

    It is biased upwards, the more the fewer the images: compare values of equal numbers of images only.
    With C = R^T R and C_w = S^T S, the trace of the root is the sum of the singular values of R S^T, which
    holds where a covariance is singular, too. (torchmetrics takes roots of the eigenvalues of C C_w, which
    costs half the digits there, and up to 25 times as long.)

    Raises:
        InfoganError: as `checked` does.
    """
    x, y = checked(real, fake)
    m, m_w = x.mean(dim=0), y.mean(dim=0)
    R, S = (torch.linalg.qr(z - z.mean(dim=0), mode="r").R / (len(z) - 1) ** 0.5 for z in (x, y))
    root = torch.linalg.svdvals(R @ S.T).sum()
    distance = (m - m_w).square().sum() + R.square().sum() + S.square().sum() - 2 * root
    return max(0.0, float(distance))


def kid(real: Float[np.ndarray, "n _"], fake: Float[np.ndarray, "m _"]) -> float:
    """The squared maximum mean discrepancy, unbiased, under (x . y / width + 1)^3 (Bińkowski et al. 2018).

    Negative as often as positive where both laws are one. All pairs of images are taken, where the usual
    code averages 100 random subsets of 1,000: the same expectation, less noise, and nothing to draw.

    Raises:
        InfoganError: as `checked` does.
    """
    x, y = checked(real, fake)
    n, m = len(x), len(y)
    within_x = (_kernel_sum(x, x) - _same(x)) / (n * (n - 1))
    within_y = (_kernel_sum(y, y) - _same(y)) / (m * (m - 1))
    return within_x + within_y - 2 * _kernel_sum(x, y) / (n * m)


def squared_distances(
    x: Float[Tensor, "n width"], y: Float[Tensor, "m width"]
) -> Iterator[Float[Tensor, "rows m"]]:
    """|x - y|^2 of all pairs, some rows of x at a time."""
    length = y.square().sum(dim=1)
    for part in torch.split(x, ROWS):
        yield torch.addmm(length, part, y.T, alpha=-2).add_(part.square().sum(dim=1, keepdim=True))


def _kernel_sum(x: Float[Tensor, "n width"], y: Float[Tensor, "m width"]) -> float:
    one = torch.ones((), dtype=x.dtype)
    parts = (torch.addmm(one, part, y.T, alpha=1 / x.shape[1]) for part in torch.split(x, ROWS))
    return math.fsum(float(part.pow_(3).sum()) for part in parts)


def _same(x: Float[Tensor, "n width"]) -> float:
    """The kernel of each point with itself, summed."""
    return float((x.square().mean(dim=1) + 1).pow(3).sum())
