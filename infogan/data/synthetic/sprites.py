"""Sprites: dSprites' grid of factors (Matthey et al. 2017) rendered anew, white shapes on black, 64x64.

3 shapes x 6 scales x 40 orientations x 32 x 32 positions = 737,280 images, in dSprites' order: the last
factor varies fastest. The pixels differ from dSprites'. A pixel is white if its centre is inside the outline,
without antialiasing. The outlines are a square, an ellipse twice as long as wide, and a heart of a square
and two discs. Each rotates about its centroid. As in dSprites, the orientations 0 and 2π look the same.
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
from infogan.data.labels import Labels
from infogan.data.options import DatasetInfo, LoadOptions

SIDE = 64
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
N_POSITIONS = len(GRID[4])  # along either axis, one pixel apart
ORIGIN = (SIDE - N_POSITIONS) // 2  # row and column of the centroid at x = 0, y = 0

# The largest distance of a shape of scale 1 from its centroid, in pixels: below ORIGIN, so that the border
# stays black. With 15.4 no pixel centre is within rounding error of an outline; with 15, (15, 0) would be.
RADIUS = 15.4
SQUARE = RADIUS / math.sqrt(2)  # half a side
ELLIPSE = (RADIUS, RADIUS / 2)  # half axes
# The heart is a square of half side 1 with discs of radius 1 centred on two adjacent sides. Its centroid is
# this far from the centre of the square, towards each of the two sides.
CENTROID_OFFSET = (math.pi / 2 + 2 / 3) / (4 + math.pi)
HEART = RADIUS / (math.sqrt(2) * (1 + CENTROID_OFFSET))  # half a side; the tip has the largest distance


def render_sprites(values: Float[Tensor, "b 5"]) -> UInt8[Tensor, "b 1 64 64"]:
    """The images, 0 or 255, of factors on or off the grid, on the device of the values.

    Args:
        values: shape 0, 1 or 2; scale, at most 1; orientation in radians, counterclockwise; x to the right
            and y down, 0 to 1, over 31 pixels.
    """
    values = values.double()
    centroid = ORIGIN + (N_POSITIONS - 1) * values[:, 3:]
    right, down = (torch.arange(SIDE, device=values.device) - centroid[:, :, None]).unbind(dim=1)
    return is_inside(values[:, :3], right, down)[:, None].to(torch.uint8) * 255


def is_inside(
    form: Float[Tensor, "b 3"], right: Float[Tensor, "b w"], down: Float[Tensor, "b h"]
) -> Bool[Tensor, "b h w"]:
    """Whether points are inside the outline of a form.

    Args:
        form: shape, scale and orientation.
        right: the distances of the columns to the right of the centroid, in pixels.
        down: the distances of the rows below the centroid, in pixels.
    """
    shape, scale, angle = form[:, :, None, None].unbind(dim=1)
    right, up = right[:, None, :] / scale, -down[:, :, None] / scale
    u = angle.cos() * right + angle.sin() * up
    v = angle.cos() * up - angle.sin() * right
    # Negative inside. Only the signs matter, so these need not be Euclidean distances.
    square = torch.maximum(u.abs(), v.abs()) - SQUARE
    ellipse = ELLIPSE[1] * (torch.hypot(u / ELLIPSE[0], v / ELLIPSE[1]) - 1)
    s, t = (v + u) / math.sqrt(2) + CENTROID_OFFSET * HEART, (v - u) / math.sqrt(2) + CENTROID_OFFSET * HEART
    discs = torch.minimum(torch.hypot(s - HEART, t), torch.hypot(s, t - HEART))
    heart = torch.minimum(torch.maximum(s.abs(), t.abs()), discs) - HEART
    return torch.where(shape == 0, square, torch.where(shape == 1, ellipse, heart)) < 0


@cache
def padded_forms() -> UInt8[Tensor, "forms side side"]:
    """The 720 forms, padded so that every position of a form is a 64x64 window of it (6.5 MB)."""
    form = torch.from_numpy(Factors.on_grid(FACTORS, GRID).values[:: N_POSITIONS**2, :3].copy())
    offset = torch.arange(1 - ORIGIN, ORIGIN, dtype=torch.float64).expand(len(form), -1)
    return F.pad(is_inside(form, offset, offset).to(torch.uint8) * 255, [SIDE // 2] * 4)


@final
class Sprites(PixelArray):
    """The images of the grid, rendered on demand; the same bits in any batch and on any device."""

    def __init__(self, device: torch.device | None = None) -> None:
        self._windows = padded_forms().to(device).unfold(1, SIDE, 1).unfold(2, SIDE, 1)  # not a copy

    @property
    def shape(self) -> tuple[int, int, int]:
        return 1, SIDE, SIDE

    def __len__(self) -> int:
        return N_IMAGES

    def take(self, index: Int[Tensor, "b"]) -> UInt8[Tensor, "b 1 64 64"]:
        index = index.to(self._windows.device)
        x, y = index // N_POSITIONS % N_POSITIONS, index % N_POSITIONS
        return self._windows[index // N_POSITIONS**2, N_POSITIONS - 1 - y, N_POSITIONS - 1 - x, None]

    def to(self, device: torch.device) -> "Sprites":
        return Sprites(device)


def load_sprites(load_options: LoadOptions, split: str) -> Images:
    """All 737,280 images, with the shape as label; no file is needed."""
    factors = Factors.on_grid(FACTORS, GRID)
    return Images(Sprites(), Labels(factors.values[:, 0].astype(np.int64)), factors=factors)


SPRITES = DatasetInfo(
    name="sprites",
    description="dSprites' grid of factors, rendered anew: square, ellipse, heart, black and white, 64x64",
    licence="MIT; rendered by this package",
    shape=(1, SIDE, SIDE),
    splits={"train": N_IMAGES},
    load=load_sprites,
    label_name="shape",
    factors=FACTORS,
)
