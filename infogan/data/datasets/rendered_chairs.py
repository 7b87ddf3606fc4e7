"""Rendered chairs, 1,393 shapes from 31 azimuths x 2 elevations (Aubry et al. 2014), in gray, 64x64."""

import math
import re
from dataclasses import replace
from pathlib import PurePath

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from infogan.data.cache import Arrays, kept
from infogan.data.formats.folder import ImageFiles, find_image_files
from infogan.data.images import Factor, Factors, Images
from infogan.data.source import DatasetInfo, LoadOptions
from infogan.utils.errors import InfoganError

SIDE = 64
FILES = ("rendered_chairs", "rendered_chairs.zip")
FACTORS = (Factor("azimuth", "angle"), Factor("elevation", "number"))  # both in radians
VIEW = re.compile(r"image_\d+_p(-?\d+)_t(\d+)_r\d+\.png")  # elevation, azimuth, both in degrees; distance
EVERY = 10  # of the shapes in the order of their ids, the last of every ten is for testing


def load_rendered_chairs(load_options: LoadOptions, split: str) -> Images:
    """The views of the shapes of a split, with azimuth and elevation; no shape is in both splits.

    They lie in `rendered_chairs/SHAPE/renders/image_NNN_pELEVATION_tAZIMUTH_rDISTANCE.png`, as published;
    they are read once and then kept.

    Raises:
        InfoganError: where the folder is missing or arranged in another way, or pictures cannot be read.
    """
    found = find_image_files(load_options.find("Rendered chairs", FILES))
    files = of_split(found, split)
    recipe = f"whole, Lanczos, gray, {SIDE}; {found.fingerprint}; {split}; {load_options.skip_bad}"
    arrays = kept("rendered-chairs", recipe, lambda: _read_views(files, load_options.skip_bad))
    names = tuple(str(name) for name in arrays["names"])
    return Images.stored(arrays["x"], names=names, factors=Factors(FACTORS, angles_of(names)))


def of_split(files: ImageFiles, split: str) -> ImageFiles:
    """The views of every tenth shape (test), or of all others (train).

    Raises:
        InfoganError: for a picture that is not named as a view is, or a split without pictures.
    """
    shape_of = {name: _shape_of(files, name) for name in files.names}
    shapes = sorted(set(shape_of.values()))
    chosen = {shape for i, shape in enumerate(shapes) if (i % EVERY == EVERY - 1) == (split == "test")}
    names = tuple(name for name in files.names if shape_of[name] in chosen)
    if not names:
        raise InfoganError(
            f"{files.root} has {len(shapes)} shapes, none for {split}, which is one shape in {EVERY}."
        )
    return replace(files, names=names)


def _shape_of(files: ImageFiles, name: str) -> str:
    parts = PurePath(name).parts
    if len(parts) < 3 or parts[-2] != "renders" or not VIEW.fullmatch(parts[-1]):
        raise InfoganError(
            f"{files.root} holds {name}; arrange it as published, in "
            "SHAPE/renders/image_NNN_pELEVATION_tAZIMUTH_rDISTANCE.png."
        )
    return parts[-3]


def angles_of(names: tuple[str, ...]) -> Float[np.ndarray, "n 2"]:
    """Azimuth and elevation in radians, from the names of the files."""
    views = [VIEW.fullmatch(PurePath(name).name) for name in names]
    return np.array([(math.radians(int(v[2])), math.radians(int(v[1]))) for v in views if v])


def _read_views(files: ImageFiles, skip_bad: bool) -> Arrays:
    x, names = files.read(shrink, skip_bad)
    return {"x": x, "names": np.array(names)}


def shrink(picture: Image.Image) -> UInt8[np.ndarray, "1 64 64"]:
    """The whole of a square picture, gray, shrunk by a Lanczos filter, which averages and so leaves no jags.

    Nothing is cut off: the paper does not say what it cut, and the widest chairs come near the border.

    Raises:
        ValueError: for a picture that is no square.
    """
    if picture.width != picture.height:
        raise ValueError(f"{picture.width}x{picture.height} where views are square")
    return np.asarray(picture.convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS))[None]


RENDERED_CHAIRS = DatasetInfo(
    name="rendered-chairs",
    about="Chairs from 62 views each, in gray, 64x64 (Aubry et al. 2014); test is every tenth shape",
    licence="none stated; the shapes are from the 3D Warehouse",
    shape=(1, SIDE, SIDE),
    splits={"train": 77_748, "test": 8_618},
    load=load_rendered_chairs,
    has=lambda load_options, split: load_options.look(FILES) is not None,
    factors=FACTORS,
    files=FILES,
)
