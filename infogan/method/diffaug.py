"""What keeps D from learning a small set by heart: it sees no image, real or generated, twice the same.

Differentiable augmentation (Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN
Training"), its translation and cutout: as both kinds of images are changed alike, G learns the images as
they are, not as they are changed.
"""

import torch
from jaxtyping import Float
from torch import Tensor

SHIFT = 1 / 8  # of a side, at most, to each direction
COVER = 1 / 2  # of a side


def augment(x: Float[Tensor, "b ch h w"], u: Float[Tensor, "4 b 1"]) -> Float[Tensor, "b ch h w"]:
    """Each image shifted by whole pixels, its edge repeated, and with a square of 0 over a part of it.

    Args:
        u: draws from Unif(0, 1), which say where to.
    """
    b, ch, h, w = x.shape
    down, right = _shifted(h, u[0]), _shifted(w, u[1])
    x = x.gather(2, down[:, None, :, None].expand(b, ch, h, w))
    x = x.gather(3, right[:, None, None, :].expand(b, ch, h, w))
    covered = _within(h, u[2])[:, None, :, None] & _within(w, u[3])[:, None, None, :]
    return x.masked_fill(covered, 0.0)


def _shifted(side: int, u: Float[Tensor, "b 1"]) -> Tensor:
    """Which row, or column, comes to stand where; (b, side)."""
    most = int(side * SHIFT)
    shift = (u * (2 * most + 1)).long() - most
    return (torch.arange(side, device=u.device) - shift).clamp(0, side - 1)


def _within(side: int, u: Float[Tensor, "b 1"]) -> Tensor:
    """The rows, or columns, that are covered, around a centre anywhere in the image; (b, side)."""
    centre = u * side
    place = torch.arange(side, device=u.device) + 0.5
    return (place - centre).abs() < COVER * side / 2
