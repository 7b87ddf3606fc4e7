"""Images of every combination of some factors, as published: dSprites, 3D Shapes, MPI3D.

Hues are angles, as 0.9 is as near to 0 as 0.1 is. An orientation that is no full turn, as 3D Shapes' -30 to
30 degrees, is a number.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from infogan.data.formats.npy import Arrays, map_npy, read_npz
from infogan.data.images import Factor, Factors, Images
from infogan.data.options import DatasetInfo
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


def read_dsprites(path: Path) -> Images:
    """A .npz with `imgs` (n, 64, 64) of 0 and 1, and `latents_values` (n, 6). Takes 3 GB of memory.

    The first of the six factors, the colour, is constant and left out. The pickled `metadata` is not opened.
    """
    x, values = _read_images(path, "imgs", (SIDE, SIDE), "latents_values")
    if x.max(initial=0) > 1:
        raise InfoganError(f"{path} holds imgs up to {x.max()}; expected 0 and 1.")
    x *= 255
    shape_and_rest = values[:, 1:] - [1, 0, 0, 0, 0]  # the published shapes are 1, 2, 3
    return Images.from_arrays(x[:, None], factors=Factors(DSPRITES_FACTORS, shape_and_rest))


def read_shapes3d(path: Path) -> Images:
    """A .h5 or .npz with `images` (n, 64, 64, 3) and `labels` (n, 6). Takes 6 GB of memory."""
    x, values = _read_images(path, "images", (SIDE, SIDE, 3), "labels")
    factors = Factors(SHAPES3D_FACTORS, values * SHAPES3D_UNITS)
    return Images.from_arrays(x.transpose(0, 3, 1, 2), factors=factors)


def read_mpi3d(path: Path, grid: Sequence[int] = MPI3D_GRID) -> Images:
    """A .npz with `images` (n, 64, 64, 3), one per point of the grid; the last factor varies fastest.

    The .npz takes 13 GB of memory. The .npy within it (unzip the .npz to extract it) is read from the disk on
    demand. The values of the factors are their indices on the grid.
    """
    x, _ = _read_images(path, "images", (SIDE, SIDE, 3))
    if len(x) != math.prod(grid):
        raise InfoganError(
            f"{path} holds {len(x):,} images, but the grid has {math.prod(grid):,} points; fetch it again."
        )
    values = np.indices(grid).reshape(len(grid), -1).T.astype(np.float64)
    return Images.from_arrays(x.transpose(0, 3, 1, 2), factors=Factors(MPI3D_FACTORS, values))


def _read_images(
    path: Path, name: str, shape: tuple[int, ...], values_name: str = ""
) -> tuple[np.ndarray, np.ndarray]:
    """Images of a shape, uint8, and if they have a name the values of six factors."""
    names = (name, values_name) if values_name else (name,)
    if path.suffix == ".npy":
        arrays = {name: map_npy(path)}
    else:
        arrays = _read_h5(path, names) if path.suffix == ".h5" else read_npz(path, names)
    x, values = arrays[name], arrays.get(values_name, np.empty(0))
    if x.dtype != np.uint8 or x.shape[1:] != shape:
        expected = ", ".join(map(str, ("n", *shape)))
        raise InfoganError(f"{path} holds {name} {x.dtype} {x.shape}; expected uint8 ({expected}).")
    if values_name and (values.shape != (len(x), 6) or values.dtype.kind != "f"):
        found = f"{values_name} {values.dtype} {values.shape}"
        raise InfoganError(f"{path} holds {found}; expected floats, ({len(x)}, 6).")
    return x, values


def _read_h5(path: Path, names: Sequence[str]) -> Arrays:
    try:
        import h5py
    except ImportError as error:
        raise InfoganError(f"reading {path} needs h5py; pip install 'infogan[h5]'.") from error
    arrays: Arrays = {}
    with wrap_read_errors(path), h5py.File(path) as f:
        for name in names:
            found = f[name] if isinstance(f.get(name, getlink=True), h5py.HardLink) else None
            # Soft links, external links and virtual arrays are refused, as they may read other files.
            if not isinstance(found, h5py.Dataset) or found.external or found.is_virtual:
                raise InfoganError(f"{path} has no array {name}; fetch it again.")
            if found.dtype.kind not in "biuf":
                raise ValueError(f"{name} of {found.dtype}")
            require_within_limits(f"{name} of {path}", found.nbytes, found.id.get_storage_size())
            arrays[name] = found[...]
    return arrays


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
