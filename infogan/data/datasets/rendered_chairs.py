"""Rendered chairs: 1,393 shapes from 31 azimuths x 2 elevations (Aubry et al. 2014), in gray, 64x64."""

import math
import re
from dataclasses import replace
from pathlib import PurePath

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from infogan.data.formats.collection import describe_unread
from infogan.data.formats.folder import ImageFiles, find_image_files
from infogan.data.images import Factor, Factors, Images, as_pixels
from infogan.data.options import DatasetInfo, LoadOptions
from infogan.utils.errors import InfoganError

SIDE = 64
FILES = ("rendered_chairs", "rendered_chairs.zip")
FACTORS = (Factor("azimuth", "angle"), Factor("elevation", "number"))  # both in radians
VIEW = re.compile(r"image_\d+_p(-?\d+)_t(\d+)_r\d+\.png")  # elevation and azimuth in degrees
TEST_EVERY = 10  # of the shapes in the order of their ids, the last of every ten is for testing


def load_rendered_chairs(load_options: LoadOptions, split: str) -> Images:
    """The views of the shapes of a split, with azimuth and elevation; no shape is in both splits.

    The files are `rendered_chairs/SHAPE/renders/image_NNN_pELEVATION_tAZIMUTH_rDISTANCE.png`, as published.
    They are read once and then cached.
    """
    found = find_image_files(load_options.require_path("Rendered chairs", FILES))
    files = select_split(found, split)
    key = f"whole, Lanczos, gray, {SIDE}; {found.fingerprint}; {split}; {load_options.skip_bad}"
    x, names = files.read_cached("rendered-chairs", key, resize_view, load_options.skip_bad)
    views = [VIEW.fullmatch(PurePath(name).name) for name in names]
    angles = np.array([(math.radians(int(v[2])), math.radians(int(v[1]))) for v in views if v])
    factors, left_out = Factors(FACTORS, angles), describe_unread(len(files.names), len(names))
    return Images(as_pixels(x), names=names, factors=factors, left_out=left_out)


def select_split(files: ImageFiles, split: str) -> ImageFiles:
    """The views of every tenth shape (test), or of all others (train)."""
    shape_of = {name: _shape_of(files, name) for name in files.names}
    shapes = sorted(set(shape_of.values()))
    for_test = shapes[TEST_EVERY - 1 :: TEST_EVERY]
    names = tuple(name for name in files.names if (shape_of[name] in for_test) == (split == "test"))
    if not names:
        raise InfoganError(
            f"{files.root} has {len(shapes)} shapes, none for {split}, which takes every tenth."
        )
    return replace(files, names=names)


def _shape_of(files: ImageFiles, name: str) -> str:
    parts = PurePath(name).parts
    if len(parts) < 3 or parts[-2] != "renders" or not VIEW.fullmatch(parts[-1]):
        raise InfoganError(
            f"{files.root} holds {name}; arrange the files as published: "
            "SHAPE/renders/image_NNN_pELEVATION_tAZIMUTH_rDISTANCE.png."
        )
    return parts[-3]


def resize_view(picture: Image.Image) -> UInt8[np.ndarray, "1 64 64"]:
    """A square picture in gray, resized by an antialiasing Lanczos filter.

    It is not cropped: the paper does not say how it cropped, and the widest chairs nearly touch the border.
    """
    if picture.width != picture.height:
        raise ValueError(f"{picture.width}x{picture.height}, but views are square")
    return np.asarray(picture.convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS))[None]


RENDERED_CHAIRS = DatasetInfo(
    name="rendered-chairs",
    description="Chairs from 62 views each, in gray, 64x64 (Aubry et al. 2014); test is every tenth shape",
    licence="none stated; the shapes are from the 3D Warehouse",
    shape=(1, SIDE, SIDE),
    splits={"train": 77_748, "test": 8_618},
    load=load_rendered_chairs,
    factors=FACTORS,
    files=FILES,
)
