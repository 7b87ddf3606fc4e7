"""Cars3D: 183 cars from 24 azimuths x 4 elevations (Reed et al. 2015), in colour, 64x64."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from infogan.data.cache import cached_arrays
from infogan.data.formats.mat import read_mat
from infogan.data.images import Factor, Factors, Images
from infogan.data.options import DatasetInfo, LoadOptions
from infogan.utils.errors import InfoganError
from infogan.utils.progress import progress

SIDE = 64
PUBLISHED_SIDE = 128
N_AZIMUTHS, N_ELEVATIONS, N_CARS = 24, 4, 183
FOLDERS = ("cars3d/data/cars", "cars3d")  # as nips2015-analogy-data.tar.gz unpacks, or the files themselves
FACTORS = (
    Factor("elevation", "number"),  # 0 to 3; the angles are not published
    Factor("azimuth", "angle"),  # radians
    Factor("car", "category"),
)


def load_cars3d(load_options: LoadOptions, split: str) -> Images:
    """The images of all cars, car by car, then azimuth by azimuth; read once and then cached.

    Each `.mat` of the folder is a car, in the order of their names.
    """
    folder = load_options.require_path("Cars3D", FOLDERS)
    files = sorted(folder.glob("*.mat"))
    if not files:
        raise InfoganError(f"{folder} has no .mat file; put the {N_CARS} files of Cars3D there.")
    stats = [(file.name, found.st_size, found.st_mtime_ns) for file in files if (found := file.stat())]
    key = f"Lanczos, {SIDE}; {folder.resolve()}; {stats}"
    x = cached_arrays("cars3d", key, lambda: {"x": read_cars(files)})["x"]
    grid = np.indices((len(files), N_AZIMUTHS, N_ELEVATIONS)).reshape(3, -1).astype(np.float64)
    car, azimuth, elevation = grid
    values = np.stack([elevation, 2 * math.pi * azimuth / N_AZIMUTHS, car], axis=1)
    return Images.from_arrays(x, factors=Factors(FACTORS, values))


def read_cars(files: Sequence[Path]) -> UInt8[np.ndarray, "n 3 64 64"]:
    """The images of some cars, 96 of each, resized by an antialiasing Lanczos filter.

    A file has `im` (128, 128, 3, azimuths, elevations).
    """
    x = np.empty((len(files), N_AZIMUTHS * N_ELEVATIONS, 3, SIDE, SIDE), np.uint8)
    expected = (PUBLISHED_SIDE, PUBLISHED_SIDE, 3, N_AZIMUTHS, N_ELEVATIONS)
    for views, path in zip(x, progress(files, "reading cars", len(files)), strict=True):
        im = read_mat(path, ("im",)).get("im")
        if im is None:
            raise InfoganError(f"{path} lacks im; a file of Cars3D has it.")
        if im.dtype != np.uint8 or im.shape != expected:
            raise InfoganError(f"{path} holds im {im.dtype} {im.shape}; expected uint8 {expected}.")
        pictures = np.moveaxis(im, (3, 4), (0, 1)).reshape(-1, *expected[:3])
        for view, picture in zip(views, pictures, strict=True):
            small = Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
            view[:] = np.asarray(small).transpose(2, 0, 1)
    return x.reshape(-1, 3, SIDE, SIDE)


CARS3D = DatasetInfo(
    name="cars3d",
    description="Cars from 96 views each, in colour, 64x64, with known factors (Reed et al. 2015)",
    licence="none stated",
    shape=(3, SIDE, SIDE),
    splits={"train": N_CARS * N_AZIMUTHS * N_ELEVATIONS},
    load=load_cars3d,
    factors=FACTORS,
    files=FOLDERS,
)
