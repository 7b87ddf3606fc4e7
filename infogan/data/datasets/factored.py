"""Images of every combination of some factors, as published: dSprites, 3D Shapes, MPI3D.

Hues are angles, as 0.9 is as near to 0 as 0.1 is. An orientation that is no full turn, as 3D Shapes' -30 to
30 degrees, is a number. The images stay on the disk: a compressed file is unpacked into the user's cache
folder once, which takes 3 GB for dSprites and 6 GB for 3D Shapes.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import final

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from infogan.data.formats.mapped import map_array
from infogan.data.images import Factor, Factors, Images, PixelArray
from infogan.data.options import DatasetInfo
from infogan.utils.errors import InfoganError

SIDE = 64
DSPRITES_FILES = ("dsprites/dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz",)
DSPRITES_FACTORS = (
    Factor("shape", "category"),  # square, ellipse, heart
    Factor("scale", "number"),
    Factor("orientation", "angle"),  # radians
    Factor("posX", "number"),
    Factor("posY", "number"),
)
N_CHECKED = 1000  # images of dSprites; a look at all of them would take seconds
SHAPES3D_FILES = ("3dshapes/3dshapes.h5", "3dshapes/3dshapes.npz")
SHAPES3D_FACTORS = (
    Factor("floor_hue", "angle"),  # radians; 0 to 1 in the file
    Factor("wall_hue", "angle"),
    Factor("object_hue", "angle"),
    Factor("scale", "number"),
    Factor("shape", "category"),
    Factor("orientation", "number"),  # radians
)
SHAPES3D_UNITS = np.array([2 * math.pi, 2 * math.pi, 2 * math.pi, 1, 1, math.pi / 180])
MPI3D_FILES = ("mpi3d/mpi3d_real.npy", "mpi3d/mpi3d_real.npz")
MPI3D_FACTORS = (
    Factor("object_color", "category"),
    Factor("object_shape", "category"),
    Factor("object_size", "number"),
    Factor("camera_height", "number"),
    Factor("background_color", "category"),
    Factor("horizontal_axis", "number"),
    Factor("vertical_axis", "number"),
)
MPI3D_GRID = (6, 6, 2, 3, 3, 40, 40)


@final
class BlackAndWhite(PixelArray):
    """Images stored as 0 and 1, read from the disk on demand."""

    def __init__(self, bits: UInt8[Tensor, "n h w"]) -> None:
        self.bits = bits

    @property
    def shape(self) -> tuple[int, int, int]:
        _, h, w = self.bits.shape
        return 1, h, w

    def __len__(self) -> int:
        return len(self.bits)

    def take(self, index: Int[Tensor, "b"]) -> UInt8[Tensor, "b 1 h w"]:
        return self.bits[index.to(self.bits.device), None] * 255

    def to(self, device: torch.device) -> "BlackAndWhite":
        return BlackAndWhite(self.bits.to(device))


def read_dsprites(path: Path) -> Images:
    """A .npz with `imgs` (n, 64, 64) of 0 and 1, and `latents_values` (n, 6).

    The first of the six factors, the colour, is constant and left out. The pickled `metadata` is not opened.
    """
    x, values = _map_images(path, "imgs", (SIDE, SIDE), "latents_values")
    some = x[:: max(1, len(x) // N_CHECKED)]
    if some.max(initial=0) > 1:
        raise InfoganError(f"{path} holds imgs up to {some.max()}; expected 0 and 1.")
    shape_and_rest = values[:, 1:] - [1, 0, 0, 0, 0]  # the published shapes are 1, 2, 3
    return Images(BlackAndWhite(torch.from_numpy(x)), factors=Factors(DSPRITES_FACTORS, shape_and_rest))


def read_shapes3d(path: Path) -> Images:
    """A .h5 or .npz with `images` (n, 64, 64, 3) and `labels` (n, 6)."""
    x, values = _map_images(path, "images", (SIDE, SIDE, 3), "labels")
    factors = Factors(SHAPES3D_FACTORS, values * SHAPES3D_UNITS)
    return Images.from_arrays(x.transpose(0, 3, 1, 2), factors=factors)


def read_mpi3d(path: Path, grid: Sequence[int] = MPI3D_GRID) -> Images:
    """A .npy, or a .npz with `images`, (n, 64, 64, 3), one per point of the grid.

    The last factor varies fastest. The values of the factors are their indices on the grid.
    """
    x, _ = _map_images(path, "images", (SIDE, SIDE, 3))
    if len(x) != math.prod(grid):
        raise InfoganError(
            f"{path} holds {len(x):,} images, but the grid has {math.prod(grid):,} points; fetch it again."
        )
    factors = Factors.on_grid(MPI3D_FACTORS, [np.arange(k) for k in grid])
    return Images.from_arrays(x.transpose(0, 3, 1, 2), factors=factors)


def _map_images(
    path: Path, name: str, shape: tuple[int, ...], values_name: str = ""
) -> tuple[np.ndarray, np.ndarray]:
    """Images of a shape, uint8, and if they have a name the values of six factors; mapped from the disk."""
    x = map_array(path, name)
    if x.dtype != np.uint8 or x.shape[1:] != shape:
        expected = ", ".join(map(str, ("n", *shape)))
        raise InfoganError(f"{path} holds {name} {x.dtype} {x.shape}; expected uint8 ({expected}).")
    values = map_array(path, values_name) if values_name else np.empty(0)
    if values_name and (values.shape != (len(x), 6) or values.dtype.kind != "f"):
        found = f"{values_name} {values.dtype} {values.shape}"
        raise InfoganError(f"{path} holds {found}; expected floats, ({len(x)}, 6).")
    return x, values


DSPRITES = DatasetInfo(
    name="dsprites",
    description="White shapes on black, 64x64, on a grid of five factors (Matthey et al. 2017), as published",
    licence="zlib",
    shape=(1, SIDE, SIDE),
    splits={"train": 737_280},
    load=lambda load_options, split: read_dsprites(load_options.require_path("dSprites", DSPRITES_FILES)),
    factors=DSPRITES_FACTORS,
    files=DSPRITES_FILES,
)
SHAPES3D = DatasetInfo(
    name="3dshapes",
    description="A solid in a room, in colour, 64x64, on a grid of six factors (Burgess and Kim 2018)",
    licence="Apache 2.0",
    shape=(3, SIDE, SIDE),
    splits={"train": 480_000},
    load=lambda load_options, split: read_shapes3d(load_options.require_path("3D Shapes", SHAPES3D_FILES)),
    factors=SHAPES3D_FACTORS,
    files=SHAPES3D_FILES,
)
MPI3D = DatasetInfo(
    name="mpi3d",
    description="Photos of objects on a robot arm, 64x64, on a grid of seven factors (Gondal et al. 2019)",
    licence="CC BY 4.0",
    shape=(3, SIDE, SIDE),
    splits={"train": math.prod(MPI3D_GRID)},
    load=lambda load_options, split: read_mpi3d(load_options.require_path("MPI3D", MPI3D_FILES)),
    factors=MPI3D_FACTORS,
    files=MPI3D_FILES,
)
