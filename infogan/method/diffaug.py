"""Differentiable augmentation of what D sees, which keeps D from memorising a small data set.

DiffAugment (Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN Training"), its translation
and cutout. Real and generated images are augmented alike, so G learns images that are not augmented.
"""

import torch
from jaxtyping import Float
from torch import Tensor

MAX_TRANSLATION = 1 / 8  # of a side, in each direction
CUTOUT = 1 / 2  # of a side
N_UNIFORMS = 4  # uniform draws per image


def diffaug(x: Float[Tensor, "b ch h w"], u: Float[Tensor, "4 b"]) -> Float[Tensor, "b ch h w"]:
    """Each image translated by whole pixels, its edge repeated, and a part of half its sides set to 0.

    Args:
        u: draws from Unif(0, 1).
    """
    b, ch, h, w = x.shape
    u = u[:, :, None]
    down, right = _translated(h, u[0]), _translated(w, u[1])
    x = x.gather(2, down[:, None, :, None].expand(b, ch, h, w))
    x = x.gather(3, right[:, None, None, :].expand(b, ch, h, w))
    covered = _is_cut_out(h, u[2])[:, None, :, None] & _is_cut_out(w, u[3])[:, None, None, :]
    return x.masked_fill(covered, 0.0)


def _translated(side: int, u: Float[Tensor, "b 1"]) -> Tensor:
    """The old row, or column, of each new one; (b, side)."""
    max_shift = int(side * MAX_TRANSLATION)
    shift = (u * (2 * max_shift + 1)).long() - max_shift
    return (torch.arange(side, device=u.device) - shift).clamp(0, side - 1)


def _is_cut_out(side: int, u: Float[Tensor, "b 1"]) -> Tensor:
    """Which rows, or columns, the part covers; its centre is anywhere in the image; (b, side)."""
    centre = u * side
    place = torch.arange(side, device=u.device) + 0.5
    return (place - centre).abs() < CUTOUT * side / 2
