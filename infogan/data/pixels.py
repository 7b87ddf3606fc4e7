"""How a picture becomes pixels: the one place that decides it, for files, arrays and uploads.

Pixels are uint8, 0 for black and 255 for white, (channels, height, width), upright, on white. Pictures are
gray or RGB; images of arrays have 1 to 8 channels.
docs/reference/formats.md has the rules; `PixelScale` records what was found in the images of a training.
"""

import sys
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from infogan.config import BYTES, Data, PixelScale, Shape
from infogan.config.pixels import BIT_DEPTHS
from infogan.data.formats.collection import ImageCollection, Unreadable, decode_images
from infogan.data.formats.resize import Square, crop, draft, on_white, pad
from infogan.utils.errors import shown
from infogan.utils.io import DECODE_ERRORS

WIDE_MODES = ("I", "I;16", "I;16L", "I;16B", "I;16N")  # whole numbers of more than 8 bits
GRAY_MODES = ("1", "L", "LA", "La", "F", *WIDE_MODES)
PICTURE_CHANNELS = (1, 3)  # gray and RGB: all that image files and Pillow have
MAX_CHANNELS = 8  # of arrays
MAX_16_BIT = 2**16 - 1
MAX_DEPTH = 16
MAX_DARK = 63  # the upper 8 bits of 14-bit colour
ROUNDS = 0.5 / 255  # a float that is further outside of [0, 1] does not round to one of 256 levels
FEW, MANY = 50, 1000  # images that are inspected; many if few of them do not tell


def array_to_pixels(x: np.ndarray, scale: PixelScale) -> UInt8[np.ndarray, "n ..."]:
    """Pixels of n images in an array of the same shape: native, writable, in C order, copied only if needed.

    Args:
        x: booleans; whole numbers, where `scale` says which is white; or floats in [0, 1], up to rounding.

    Raises:
        ValueError: if it contains anything else. The message says what, and what to do.
    """
    kind, low, high = x.dtype.kind, *_extremes(x)
    if kind == "b":
        return x.astype(np.uint8, order="C") * np.uint8(255)
    if kind == "f":
        if not (low >= -ROUNDS and high <= 1 + ROUNDS):  # false for NaN
            raise ValueError(f"{_described(x)}; bring floats to [0, 1], or convert them to uint8, 0 to 255")
        unit = np.clip(x, 0, 1, dtype=np.promote_types(x.dtype, np.float32))
        return np.ascontiguousarray(np.rint(np.multiply(unit, 255, out=unit), out=unit).astype(np.uint8))
    if kind not in "iu" or low < 0 or high > MAX_16_BIT:
        raise ValueError(f"{_described(x)}; convert them to uint8, 0 to 255, or to floats in [0, 1]")
    if x.dtype == np.uint8 and high == 1 and not scale.binary:
        raise ValueError(
            "uint8 of only 0 and 1, but white is 255; multiply them by 255, or convert them to bool"
        )
    return np.require(_whole_to_pixels(x, scale), np.uint8, ("C", "W"))


def _whole_to_pixels(x: np.ndarray, scale: PixelScale) -> np.ndarray:
    pixels = x
    if x.dtype != np.uint8:
        pixels = np.minimum(x >> ((scale.bit_depth or MAX_DEPTH) - 8), 255).astype(np.uint8)
    if not scale.binary or not x.size:
        return pixels
    # Each image by itself, as those that already have levels between black and white stay as they are.
    is_mask = x.reshape(len(x), -1).max(axis=1) <= 1
    return np.where(is_mask.reshape(-1, *[1] * (x.ndim - 1)), (x > 0) * np.uint8(255), pixels)


def pixels_to_array(x: UInt8[np.ndarray, "n ..."], dtype: np.dtype[Any], scale: PixelScale) -> np.ndarray:
    """Images in the type and the units of an array that `array_to_pixels` takes."""
    if dtype == np.uint8 and not scale.binary:
        return x
    white = 1 if dtype.kind in "bf" or scale.binary else 2 ** (scale.bit_depth or MAX_DEPTH) - 1
    array = x * (white / 255)
    return (array if dtype.kind == "f" else np.rint(array)).astype(dtype)


def _extremes(x: np.ndarray) -> tuple[Any, Any]:
    return (x.min(), x.max()) if x.size and x.dtype.kind in "biuf" else (0, 0)


def _described(x: np.ndarray) -> str:
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        return f"{x.dtype} with NaN or infinite values"
    if x.dtype.kind not in "biuf":
        return f"{x.dtype}, not numbers"
    low, high = _extremes(x)
    # Enough digits to tell 1.004 from 1.
    return f"{x.dtype} from {low:.7g} to {high:.7g}"


def array_scale(x: np.ndarray) -> PixelScale:
    """The scale of the images in an array, which must be all images of a set."""
    if x.dtype.kind not in "iu":
        return BYTES
    high = int(_extremes(x)[1])
    return _decide(high, None) if x.dtype == np.uint8 else _decide(None, high)


@final
@dataclass(frozen=True)
class ToPixels:
    """Pixels of an opened image, turned upright, with transparency on white; of several frames, the first.

    If the proportions differ, "crop" takes the centre; "pad" takes the whole image and fills up with the mean
    colour of its border. Floats outside of [0, 1] and whole numbers outside of 0 .. 65535 raise a ValueError.
    """

    shape: Shape | None  # with PICTURE_CHANNELS; None keeps the size, and is gray if the file is
    square: Square = "crop"
    scale: PixelScale = BYTES

    def __call__(self, image: Image.Image) -> UInt8[np.ndarray, "ch h w"]:
        if self.shape is not None:
            draft(image, self.shape, self.square)
        image.load()
        with suppress(*DECODE_ERRORS):  # the pixels are fine even if the metadata is damaged
            image = ImageOps.exif_transpose(image)
        channels = self.shape[0] if self.shape else 1 if image.mode in GRAY_MODES else 3
        flat = self._flatten(image, "L" if channels == 1 else "RGB")
        if self.shape is not None:
            flat = (crop if self.square == "crop" else pad)(flat, self.shape[2], self.shape[1])
        return np.asarray(flat).reshape(flat.height, flat.width, channels).transpose(2, 0, 1)

    def _flatten(self, image: Image.Image, mode: str) -> Image.Image:
        """Mode L or RGB, without transparency, palette, or more than 8 bits."""
        if image.mode in (*WIDE_MODES, "F"):
            return Image.fromarray(array_to_pixels(np.asarray(image)[None], self.scale)[0]).convert(mode)
        flat = _flat(image)
        if self.scale.binary and _highest_number(flat) <= 1:
            flat = flat.point([0, *[255] * 255] * len(flat.getbands()))
        return flat if flat.mode == mode else flat.convert(mode)


def _flat(image: Image.Image) -> Image.Image:
    """An image of 8 bits in mode L or RGB, on white."""
    if image.has_transparency_data:
        return on_white(image)
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


def _highest_number(image: Image.Image) -> int:
    return int(np.asarray(image).max())


def find_scale(collection: ImageCollection, known: PixelScale) -> PixelScale:
    """The scale of a collection, from 50 to 1000 of its images, completed as `report_scale` says.

    All images share one scale, so that bright and dark images stay apart.
    """
    found = _decide(*_highest(collection, FEW))
    if collection.n > FEW and (found.binary or found.bit_depth not in (None, MAX_DEPTH)):
        found = _decide(*_highest(collection, MANY))
    return report_scale(collection.source, known, found)


def report_scale(source: str, known: PixelScale, found: PixelScale, quiet: bool = False) -> PixelScale:
    """What is known of the scale, for example from a run, completed by what was found in the images at hand.

    Unless `quiet`, says on standard error if the images are masks of 0 and 1, or do not fit what is known.
    """
    note, depth = "", found.bit_depth
    if not known.is_found:
        if found.binary:
            note = "contains only 0 and 1, which are read as black and white, 0 and 255"
        known = PixelScale(binary=bool(found.binary), bit_depth=known.bit_depth or depth)
    elif found.binary and not known.binary:
        note = (
            "contains only 0 and 1, but white is 255 in the images that the model was trained on, so these "
            "are nearly black; multiply them by 255"
        )
    elif depth is not None and known.bit_depth is not None and depth > known.bit_depth:
        note = (
            f"uses {depth} bits, but the images that the model was trained on {known.bit_depth}; all above "
            f"{2**known.bit_depth - 1} is white"
        )
    elif depth is not None and known.bit_depth is None and not known.binary and depth < MAX_DEPTH:
        note = (
            f"contains 16-bit images that use {depth} bits, but the model was trained on images of 8 bits, "
            "so that 65535 is white and these are dark; convert them to 8 bits"
        )
    if note and not quiet:
        print(f"{shown(source)} {note}.", file=sys.stderr)
    return known


def _highest(collection: ImageCollection, n: int) -> tuple[int | None, int | None]:
    """The highest numbers in 8-bit and in wider images, among n; None if there are none of that kind."""
    bright = False  # some 8-bit image is no mask, so that no other one needs to be decoded
    wide_colours: list[bool] = []  # of the decoded ones: whether they have 16 bits, of which Pillow reads 8

    def highest(image: Image.Image) -> tuple[bool, int]:
        nonlocal bright
        if image.mode in WIDE_MODES:
            return True, int(np.asarray(image).max())
        if bright or image.mode in ("1", "F") or image.format == "JPEG":
            return False, 255  # as none of these is a mask of 0 and 1
        wide_colours.append(any(";16" in str(tile.args) for tile in getattr(image, "tile", ())))
        top = _highest_number(_flat(image))
        bright |= top > (MAX_DARK if wide_colours[-1] else 1)
        return False, top

    with closing(decode_images(collection, highest, collection.spread_indices(n))) as outcomes:
        tops = [outcome for _, outcome in outcomes if not isinstance(outcome, Unreadable)]
    narrow, wide = ([top for is_wide, top in tops if is_wide == kind] for kind in (False, True))
    if wide_colours and all(wide_colours) and 0 < max(narrow, default=0) <= MAX_DARK:
        print(
            f"{shown(collection.source)} contains 16-bit colour images that use "
            f"{8 + max(narrow).bit_length()} bits; the upper 8 bits are read, so these are dark. Convert "
            "them to 8 bits.",
            file=sys.stderr,
        )
        return 255, max(wide, default=None)
    return max(narrow, default=None), max(wide, default=None)


def _decide(narrow: int | None, wide: int | None) -> PixelScale:
    """The scale of images, by the highest numbers of 8 and of more bits."""
    highest = max(narrow or 0, wide or 0)
    if highest <= 1:
        return PixelScale(binary=True if highest else None)
    depth = None if wide is None else next((bits for bits in BIT_DEPTHS if wide < 2**bits), MAX_DEPTH)
    return PixelScale(binary=False, bit_depth=depth)


def describe_pixels(data: Data, shape: Shape) -> dict[str, Any]:
    """How the images of a run became pixels, as JSON types, for programs that use an exported run."""
    return {
        "range": [0, 1],  # of the graphs; `Model` and the page count 0 to 255
        "levels": 256,
        "channels": {1: ["gray"], 3: ["red", "green", "blue"]}.get(shape[0]),
        "binary": bool(data.pixel_scale.binary),
        "bit_depth": data.pixel_scale.bit_depth,
        "square": data.square,
        "orientation": "upright",
        "transparency": "on white",
    }
