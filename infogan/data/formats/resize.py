"""Decoded images as uint8 arrays, at their own size or resized."""

from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Literal, final

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from infogan.config import Shape
from infogan.data.formats.collection import ImageCollection, Unreadable, decode_images
from infogan.utils.io import DECODE_ERRORS

GRAY_MODES = ("1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N")
BIT_DEPTHS = (8, 10, 12, 14, 16)  # of cameras that write 16-bit files
N_INSPECTED = 50  # images from which the bit depth is estimated
ROWS_PER_BAND = 256
DRAFT_RATIO = 2.0  # a JPEG is decoded at no less than this many times the final size
LANCZOS = Image.Resampling.LANCZOS


def pil_to_array(image: Image.Image) -> UInt8[np.ndarray, "ch h w"]:
    """An image at its own size: one channel if it is gray, else RGB; 16 bits become 8."""
    image.load()
    _reject_32_bits(image)
    if image.mode.startswith("I;16"):
        return (np.asarray(image) >> 8).astype(np.uint8)[None]
    if image.mode in ("1", "L", "LA"):
        return np.asarray(image.convert("L"))[None]
    return np.asarray(image.convert("RGB")).transpose(2, 0, 1)


def _reject_32_bits(image: Image.Image) -> None:  # as their range is unknown
    if image.mode in ("I", "F"):
        raise ValueError(f"mode {image.mode}, 32 bits; save it with 8 or 16")


@final
@dataclass(frozen=True)
class Resize:
    """Resizes an opened image to a shape, gray or RGB, turned upright, with transparency on white.

    If the proportions differ, "crop" takes the centre; "pad" takes the whole image and fills up with the mean
    colour of its border. Of several frames the first is taken.
    """

    shape: Shape
    square: Literal["crop", "pad"] = "crop"
    bit_depth: int = 16  # bits in use of 16-bit gray; larger values become white

    def __call__(self, image: Image.Image) -> UInt8[np.ndarray, "ch h w"]:
        ch, h, w = self.shape
        _reject_32_bits(image)
        self._draft(image)
        image.load()
        with suppress(*DECODE_ERRORS):  # the pixels are fine even if the metadata is damaged
            image = ImageOps.exif_transpose(image)
        fit = _crop if self.square == "crop" else _pad
        return np.asarray(fit(self._flatten(image), w, h)).reshape(h, w, ch).transpose(2, 0, 1)

    def _draft(self, image: Image.Image) -> None:
        """Lets a large JPEG be decoded at a smaller size, upright or not; other formats ignore it."""
        ch, h, w = self.shape
        short, long = sorted(image.size)
        ratio = min(short / max(h, w), long / max(h, w)) if self.square == "crop" else long / max(h, w)
        if ratio > DRAFT_RATIO:
            width, height = (max(1, round(side * DRAFT_RATIO / ratio)) for side in image.size)
            image.draft("L" if ch == 1 else None, (width, height))

    def _flatten(self, image: Image.Image) -> Image.Image:
        """Mode L or RGB, without transparency, palette or 16 bits."""
        mode = "L" if self.shape[0] == 1 else "RGB"
        if image.mode.startswith("I;16"):
            high = np.asarray(image) >> (self.bit_depth - 8)
            return Image.fromarray(np.minimum(high, 255).astype(np.uint8)).convert(mode)
        if image.has_transparency_data:
            return _on_white(image).convert(mode)
        if image.mode not in ("1", "L", "RGB"):
            image = image.convert("RGB")
        return image if image.mode == mode else image.convert(mode)


def _on_white(image: Image.Image) -> Image.Image:
    """In bands, as all at once needs memory for three more images."""
    flat = Image.new("RGB", image.size)
    for top in range(0, image.height, ROWS_PER_BAND):
        over = image.crop((0, top, image.width, min(top + ROWS_PER_BAND, image.height))).convert("RGBA")
        white = Image.new("RGBA", over.size, "white")
        flat.paste(Image.alpha_composite(white, over).convert("RGB"), (0, top))
    return flat


def _crop(image: Image.Image, w: int, h: int) -> Image.Image:
    """As ImageOps.fit, but with `reducing_gap`, which is faster and rounds differently."""
    width, height = image.size
    scale = min(width / w, height / h)
    taken = min(width, w * scale), min(height, h * scale)
    x, y = (width - taken[0]) / 2, (height - taken[1]) / 2
    return image.resize((w, h), LANCZOS, box=(x, y, x + taken[0], y + taken[1]), reducing_gap=3.0)


def _pad(image: Image.Image, w: int, h: int) -> Image.Image:
    """As ImageOps.pad, but with `reducing_gap`, and with the mean colour of the border."""
    scale = min(w / image.width, h / image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    small = image.resize(size, LANCZOS, reducing_gap=3.0)
    if size == (w, h):
        return small
    pixels = np.asarray(small).reshape(size[1], size[0], -1)
    inner = np.zeros(pixels.shape[:2], bool)
    inner[1:-1, 1:-1] = True
    mean = np.rint(pixels[~inner].mean(axis=0)).astype(int)
    full = Image.new(image.mode, (w, h), tuple(mean.tolist()))
    full.paste(small, ((w - size[0]) // 2, (h - size[1]) // 2))
    return full


def estimate_bit_depth(collection: ImageCollection) -> int:
    """How many bits the 16-bit images of a collection use, from a sample: 8, 10, 12, 14 or 16.

    12-bit cameras write 16-bit files, which would look almost black. All images share one depth, so that
    bright and dark images stay apart.
    """
    indices = collection.spread_indices(N_INSPECTED)
    with closing(decode_images(collection, _max_16_bit, indices)) as outcomes:
        highest = max((found for _, found in outcomes if not isinstance(found, Unreadable)), default=0)
    return next(bits for bits in BIT_DEPTHS if highest < 2**bits) if highest else 16


def _max_16_bit(image: Image.Image) -> int:
    return int(np.asarray(image).max()) if image.mode.startswith("I;16") else 0
