"""dSprites' grid of factors, drawn anew: three white shapes on black, 64x64, and nothing else that varies.

3 shapes x 6 scales x 40 orientations x 32 x 32 positions = 737,280 images, in dSprites' order, the last
factor fastest (Matthey et al. 2017). The pixels are not dSprites' own: a pixel is white where the signed
distance from its centre to the outline is negative, without antialiasing, as theirs are black and white.
Our outlines are a square, an ellipse twice as long as it is wide, and a heart of a square and two discs;
each turns about its centroid. Orientations 0 and 2π are both of the grid, as there, and look the same.
"""

import math
from functools import cache
from typing import final

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from infogan.data.images import Factor, Factors, Images, PixelArray
from infogan.data.source import DatasetInfo, LoadOptions

SIZE = 64
GRID = (
    np.arange(3.0),  # square, ellipse, heart
    np.linspace(0.5, 1, 6),
    np.linspace(0, 2 * math.pi, 40),
    np.linspace(0, 1, 32),
    np.linspace(0, 1, 32),
)
FACTORS = (
    Factor("shape", "category"),
    Factor("scale", "number"),
    Factor("orientation", "angle"),
    Factor("x", "number"),
    Factor("y", "number"),
)
N_IMAGES = math.prod(map(len, GRID))
N_PLACES = len(GRID[4])  # along either axis, one pixel apart
FIRST = (SIZE - N_PLACES) // 2  # the pixel that holds the centroid at x = 0, y = 0

# How far a shape of scale 1 goes from its centroid, in pixels; below FIRST, so that the border stays black.
# No pixel centre of the grid lies within rounding of an outline: not true of 15, where (15, 0) ends an axis.
REACH = 15.4
SQUARE = REACH / math.sqrt(2)  # half a side
ELLIPSE = (REACH, REACH / 2)  # half axes
# A square of half side 1 with a disc of radius 1 about the middle of two sides that meet: the centroid lies
# this far from the square's own centre towards each of them.
LIFT = (math.pi / 2 + 2 / 3) / (4 + math.pi)
HEART = REACH / (math.sqrt(2) * (1 + LIFT))  # half a side, and the radius; the tip reaches farthest


def grid() -> Float[np.ndarray, "n 5"]:
    """The factors of every image, in the order of `FACTORS`; row i is image i."""
    return np.stack(np.meshgrid(*GRID, indexing="ij"), axis=-1).reshape(-1, len(GRID))


def draw(values: Float[Tensor, "b 5"]) -> UInt8[Tensor, "b 1 64 64"]:
    """The images of these factors, 0 or 255, on or off the grid, on the device of the values.

    Args:
        values: shape 0, 1 or 2; scale, 1 the largest that stays inside; orientation in radians,
            counterclockwise; x to the right and y down, 0 to 1, over 31 pixels.
    """
    values = values.double()
    place = FIRST + (N_PLACES - 1) * values[:, 3:]
    right, down = (torch.arange(SIZE, device=values.device) - place[:, :, None]).unbind(dim=1)
    return inside(values[:, :3], right, down)[:, None].to(torch.uint8) * 255


def inside(
    form: Float[Tensor, "b 3"], right: Float[Tensor, "b w"], down: Float[Tensor, "b h"]
) -> Bool[Tensor, "b h w"]:
    """Whether the signed distance to the outline is negative, this far from the centroid, in pixels.

    Its sign is all that is needed, so the ellipse's and what lies beyond a corner are not Euclidean.
    """
    shape, scale, angle = form[:, :, None, None].unbind(dim=1)
    right, up = right[:, None, :] / scale, -down[:, :, None] / scale
    u = angle.cos() * right + angle.sin() * up
    v = angle.cos() * up - angle.sin() * right
    square = torch.maximum(u.abs(), v.abs()) - SQUARE
    ellipse = ELLIPSE[1] * (torch.hypot(u / ELLIPSE[0], v / ELLIPSE[1]) - 1)
    s, t = (v + u) / math.sqrt(2) + LIFT * HEART, (v - u) / math.sqrt(2) + LIFT * HEART
    discs = torch.minimum(torch.hypot(s - HEART, t), torch.hypot(s, t - HEART))
    heart = torch.minimum(torch.maximum(s.abs(), t.abs()), discs) - HEART
    return torch.where(shape == 0, square, torch.where(shape == 1, ellipse, heart)) < 0


@cache
def canvases() -> UInt8[Tensor, "forms side side"]:
    """Each of the 720 forms once, amid black so wide that every place is a window of 64x64 (6.5 MB)."""
    form = torch.from_numpy(grid()[:: N_PLACES**2, :3].copy())
    offset = torch.arange(1 - FIRST, FIRST, dtype=torch.float64).expand(len(form), -1)
    return F.pad(inside(form, offset, offset).to(torch.uint8) * 255, [SIZE // 2] * 4)


@final
class Sprites(PixelArray):
    """Image i of the grid is drawn from i alone, the same bits in any batch and on any device."""

    def __init__(self, device: torch.device | None = None) -> None:
        self._windows = canvases().to(device).unfold(1, SIZE, 1).unfold(2, SIZE, 1)  # a view, no copy

    @property
    def shape(self) -> tuple[int, int, int]:
        return 1, SIZE, SIZE

    def __len__(self) -> int:
        return N_IMAGES

    def take(self, index: Int[Tensor, "b"]) -> UInt8[Tensor, "b 1 64 64"]:
        index = index.to(self._windows.device)
        x, y = index // N_PLACES % N_PLACES, index % N_PLACES
        return self._windows[index // N_PLACES**2, N_PLACES - 1 - y, N_PLACES - 1 - x, None]

    def to(self, device: torch.device) -> "Sprites":
        return Sprites(device)


def load_sprites(load_options: LoadOptions, split: str) -> Images:
    """All 737,280 of them, with the shape as label; no file is needed."""
    values = grid()
    return Images(Sprites(), values[:, 0].astype(np.int64), factors=Factors(FACTORS, values))


SPRITES = DatasetInfo(
    name="sprites",
    about="dSprites' grid of factors, drawn here: square, ellipse and heart, black and white, 64x64",
    licence="drawn here; MIT",
    shape=(1, SIZE, SIZE),
    splits={"train": N_IMAGES},
    load=load_sprites,
    labels="shape",
    factors=FACTORS,
)
