"""How things move from image to image: translation, size, rotation, width and slant, on any background.

Moments take brightness as mass, so on photographs they show light, not shape. Here the change from one image
to the next is explained by a motion of the plane, as Lucas and Kanade do (IJCAI 1981), with an affine field:

    b - a = -(grad I) . v(x) + l(x),    I = (a + b) / 2

v has six parameters about the centre of what has an edge, and l, which is linear in x and in I, is a change
of light. The parameters are in pixels: a unit moves edges by 1 pixel in the root mean square.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

MOTIONS = ("right", "down", "size", "rotation", "ratio", "diagonal")
BLUR = (1.0, 4.0, 6.0, 4.0, 1.0)  # a standard deviation of one pixel
RIDGE = 1e-3  # beside columns of mean square 1
TINY = 1e-9


class Motion(NamedTuple):
    """Of n sequences of images."""

    steps: Float[np.ndarray, "n m-1 6"]  # MOTIONS from each image to the next, in pixels
    share: Float[np.ndarray, "n"]  # of the change that light does not explain, what motion does, in [0, 1]


def motion(x: UInt8[np.ndarray, "n m ch h w"]) -> Motion:
    """The motion along each sequence of m images."""
    n, steps = len(x), x.shape[1] - 1
    blurred = _blur(torch.from_numpy(x).float().mean(dim=2) / 255)
    a, b = blurred[:, :-1].flatten(0, 1), blurred[:, 1:].flatten(0, 1)
    light, moved = _columns((a + b) / 2)
    change = (b - a).flatten(1)[..., None]
    _, by_light = _least_squares(light, change)
    parameters, by_both = _least_squares(torch.cat([light, moved], dim=2), change)
    left, left_of_both = (
        (change - fitted).square().sum(dim=(1, 2)).reshape(n, steps).sum(dim=1)
        for fitted in (by_light, by_both)
    )
    of_steps = parameters[:, light.shape[2] :].reshape(n, steps, len(MOTIONS))
    share = ((left - left_of_both) / left.clamp_min(TINY)).clamp(0, 1)
    return Motion(of_steps.numpy().astype(float), share.numpy().astype(float))


def _columns(middle: Float[Tensor, "b h w"]) -> tuple[Float[Tensor, "b p 4"], Float[Tensor, "b p 6"]]:
    """What a unit of each parameter of light, and of each of MOTIONS, adds to every pixel."""
    g_y, g_x = torch.gradient(middle, dim=(1, 2))
    weight = g_x**2 + g_y**2 + TINY
    weight = weight / weight.sum(dim=(1, 2), keepdim=True)
    rows, columns = (torch.arange(side).float() for side in middle.shape[1:])
    row, column = torch.meshgrid(rows, columns, indexing="ij")
    X, Y = (place - (weight * place).sum(dim=(1, 2), keepdim=True) for place in (column, row))
    radius = (weight * (X**2 + Y**2)).sum(dim=(1, 2), keepdim=True).sqrt().clamp_min(1)
    X, Y = X / radius, Y / radius
    size, rotation = g_x * X + g_y * Y, g_y * X - g_x * Y
    ratio, diagonal = g_x * X - g_y * Y, g_x * Y + g_y * X
    light = torch.stack([torch.ones_like(X), X, Y, middle], dim=-1)
    moved = -torch.stack([g_x, g_y, size, rotation, ratio, diagonal], dim=-1)
    return light.flatten(1, 2), moved.flatten(1, 2)


def _least_squares(
    columns: Float[Tensor, "b p d"], y: Float[Tensor, "b p 1"]
) -> tuple[Float[Tensor, "b d 1"], Float[Tensor, "b p 1"]]:
    """The parameters, with a small ridge, and the fitted values."""
    scale = columns.square().mean(dim=1, keepdim=True).sqrt().clamp_min(TINY)
    A, p = columns / scale, columns.shape[1]
    gram = A.mT @ A / p + RIDGE * torch.eye(A.shape[2])
    theta = torch.linalg.solve(gram, A.mT @ y / p)
    return theta / scale.mT, A @ theta


def _blur(x: Float[Tensor, "n m h w"]) -> Float[Tensor, "n m h w"]:
    kernel = torch.tensor(BLUR) / sum(BLUR)
    flat = F.pad(x.flatten(0, 1)[:, None], (2, 2, 2, 2), mode="replicate")
    flat = F.conv2d(F.conv2d(flat, kernel.view(1, 1, 1, 5)), kernel.view(1, 1, 5, 1))
    return flat.reshape(x.shape)
