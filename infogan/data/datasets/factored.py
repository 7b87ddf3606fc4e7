"""Images drawn or photographed on a whole grid of factors, as published: dSprites, 3D Shapes, MPI3D.

Hues are angles, as a hue goes round: 0.9 lies as near to 0 as 0.1 does, which a number would not say. What
is turned only part of the way, as 3D Shapes' orientation of -30 to 30 degrees, is a number.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from infogan.data.formats.npy import Arrays, map_npy, read_npz
from infogan.data.images import Factor, Factors, Images
from infogan.data.source import DatasetInfo
from infogan.utils.errors import InfoganError
from infogan.utils.io import wrap_read_errors
from infogan.utils.limits import require_within_limits

SIDE = 64
DSPRITES_FILES = ("dsprites/dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz",)
DSPRITES_FACTORS = (
    Factor("shape", "category"),  # square, ellipse, heart
    Factor("scale", "number"),
    Factor("orientation", "angle"),  # radians
    Factor("posX", "number"),
    Factor("posY", "number"),
)
SHAPES3D_FILES = ("3dshapes/3dshapes.h5", "3dshapes/3dshapes.npz")
SHAPES3D_FACTORS = (
    Factor("floor_hue", "angle"),  # radians, the published 0 to 1 times 2 pi
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


def read_dsprites(path: Path) -> Images:
    """A .npz with `imgs` (n, 64, 64) of 0 and 1, and `latents_values` (n, 6).

    The first of the six is the colour, which is constant and left out. The pickled `metadata` is not opened.
    All images are held in memory, 3 GB.

    Raises:
        InfoganError: for a file that cannot be read, or holds something else.
    """
    x, values = _read_arrays(path, ("imgs", "latents_values"))
    _check(path, "imgs", x, (SIDE, SIDE))
    _check_values(path, "latents_values", values, len(x))
    if x.max(initial=0) > 1:
        raise InfoganError(f"{path} holds imgs up to {x.max()}; dSprites' are 0 and 1.")
    x *= 255
    shape_and_rest = values[:, 1:] - [1, 0, 0, 0, 0]  # the published shapes are 1, 2, 3
    return Images.stored(x[:, None], factors=Factors(DSPRITES_FACTORS, shape_and_rest))


def read_shapes3d(path: Path) -> Images:
    """A .h5 or .npz with `images` (n, 64, 64, 3) and `labels` (n, 6). All are held in memory, 6 GB.

    Raises:
        InfoganError: for a file that cannot be read, or holds something else; where h5py is not installed.
    """
    x, values = _read_arrays(path, ("images", "labels"))
    _check(path, "images", x, (SIDE, SIDE, 3))
    _check_values(path, "labels", values, len(x))
    factors = Factors(SHAPES3D_FACTORS, values * SHAPES3D_UNITS)
    return Images.stored(x.transpose(0, 3, 1, 2), factors=factors)


def read_mpi3d(path: Path, grid: Sequence[int] = MPI3D_GRID) -> Images:
    """A .npz with `images` (n, 64, 64, 3), one for every point of the grid, the last factor fastest.

    They are held in memory, 13 GB. The array alone as a .npy stays on the disk and is read image by image:
    unzip the .npz to have it. A factor is its index on the grid.

    Raises:
        InfoganError: for a file that cannot be read, or holds something else.
    """
    (x,) = _read_arrays(path, ("images",))
    _check(path, "images", x, (SIDE, SIDE, 3))
    if len(x) != math.prod(grid):
        raise InfoganError(
            f"{path} holds {len(x):,} images where the grid has {math.prod(grid):,} points; fetch it again."
        )
    return Images.stored(x.transpose(0, 3, 1, 2), factors=Factors(MPI3D_FACTORS, grid_values(grid)))


def grid_values(grid: Sequence[int]) -> Float[np.ndarray, "n f"]:
    """The index along every factor of each point of a grid, the last factor fastest."""
    return np.indices(grid).reshape(len(grid), -1).T.astype(np.float64)


def _read_arrays(path: Path, names: Sequence[str]) -> list[np.ndarray]:
    if path.suffix == ".npy":
        return [map_npy(path)]
    arrays = _read_h5(path, names) if path.suffix == ".h5" else read_npz(path, names)
    return [arrays[name] for name in names]


def _read_h5(path: Path, names: Sequence[str]) -> Arrays:
    try:
        import h5py
    except ImportError as error:
        raise InfoganError(f"{path} takes h5py to read; pip install 'infogan[h5]'.") from error
    arrays: Arrays = {}
    with wrap_read_errors(path), h5py.File(path) as f:
        for name in names:
            found = f[name] if isinstance(f.get(name, getlink=True), h5py.HardLink) else None
            # Neither links nor arrays that name other files: these are none of its business.
            if not isinstance(found, h5py.Dataset) or found.external or found.is_virtual:
                raise InfoganError(f"{path} lacks an array {name}; fetch it again.")
            if found.dtype.kind not in "biuf":
                raise ValueError(f"{name} of {found.dtype}")
            require_within_limits(
                f"{name} of {path}", found.size * found.dtype.itemsize, found.id.get_storage_size()
            )
            arrays[name] = found[...]
    return arrays


def _check(path: Path, name: str, x: np.ndarray, shape: tuple[int, ...]) -> None:
    if x.dtype != np.uint8 or x.shape[1:] != shape:
        due = ", ".join(map(str, ("n", *shape)))
        raise InfoganError(f"{path} holds {name} {x.dtype} {x.shape}; due are uint8 ({due}).")


def _check_values(path: Path, name: str, values: np.ndarray, n: int) -> None:
    if values.shape != (n, 6) or not np.issubdtype(values.dtype, np.floating):
        raise InfoganError(f"{path} holds {name} {values.dtype} {values.shape}; due are numbers, ({n}, 6).")


DSPRITES = DatasetInfo(
    name="dsprites",
    about="White shapes on black, 64x64, on a grid of five factors (Matthey et al. 2017), as published",
    licence="zlib",
    shape=(1, SIDE, SIDE),
    splits={"train": 737_280},
    load=lambda load_options, split: read_dsprites(load_options.find("dSprites", DSPRITES_FILES)),
    has=lambda load_options, split: load_options.look(DSPRITES_FILES) is not None,
    factors=DSPRITES_FACTORS,
    files=DSPRITES_FILES,
)
SHAPES3D = DatasetInfo(
    name="3dshapes",
    about="A solid in a room, in colour, 64x64, on a grid of six factors (Burgess and Kim 2018)",
    licence="Apache 2.0",
    shape=(3, SIDE, SIDE),
    splits={"train": 480_000},
    load=lambda load_options, split: read_shapes3d(load_options.find("3D Shapes", SHAPES3D_FILES)),
    has=lambda load_options, split: load_options.look(SHAPES3D_FILES) is not None,
    factors=SHAPES3D_FACTORS,
    files=SHAPES3D_FILES,
)
MPI3D = DatasetInfo(
    name="mpi3d",
    about="Photographs of things on a robot's arm, 64x64, on a grid of seven factors (Gondal et al. 2019)",
    licence="CC BY 4.0",
    shape=(3, SIDE, SIDE),
    splits={"train": math.prod(MPI3D_GRID)},
    load=lambda load_options, split: read_mpi3d(load_options.find("MPI3D", MPI3D_FILES)),
    has=lambda load_options, split: load_options.look(MPI3D_FILES) is not None,
    factors=MPI3D_FACTORS,
    files=MPI3D_FILES,
)
