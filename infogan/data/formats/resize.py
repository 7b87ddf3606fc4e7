"""A picture of any size and mode as 8-bit numbers, as it is or brought to a shape."""

from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Literal, final

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from infogan.config import Shape
from infogan.data.formats.collection import ImageCollection, decoded
from infogan.data.formats.unreadable import Unreadable
from infogan.utils.limits import BROKEN

GRAY = ("1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N")
DEPTHS = (8, 10, 12, 14, 16)  # the bits of cameras that write 16-bit files
LOOKED_AT = 50  # pictures that decide how many of 16 bits are used
BAND = 256  # rows
GAP = 2.0  # a JPEG is decoded at this many times the size that it is brought to, or larger
LANCZOS = Image.Resampling.LANCZOS


def as_array(picture: Image.Image) -> UInt8[np.ndarray, "ch h w"]:
    """A picture as it is: one channel where it is gray, else red, green and blue; 16 bits become 8.

    Raises:
        ValueError: for numbers of 32 bits, whose range nobody states.
    """
    picture.load()
    _refuse_wide(picture)
    if picture.mode.startswith("I;16"):
        return (np.asarray(picture) >> 8).astype(np.uint8)[None]
    if picture.mode in ("1", "L", "LA"):
        return np.asarray(picture.convert("L"))[None]
    return np.asarray(picture.convert("RGB")).transpose(2, 0, 1)


def _refuse_wide(picture: Image.Image) -> None:
    if picture.mode in ("I", "F"):
        raise ValueError(f"of mode {picture.mode}, 32 bits; save it with 8 or 16")


@final
@dataclass(frozen=True)
class Shaper:
    """Brings an open picture to a shape, gray or in colour, the right way up, alpha laid on white.

    Of a picture of other proportions `crop` takes the middle; `pad` takes all of it and fills up with the
    mean colour of its outermost pixels. Of a picture of several frames the first is taken.
    """

    shape: Shape
    square: Literal["crop", "pad"] = "crop"
    bits: int = 16  # of 16-bit gray, the bits that are in use; larger numbers become white

    def __call__(self, picture: Image.Image) -> UInt8[np.ndarray, "ch h w"]:
        """
        Raises:
            ValueError: for numbers of 32 bits, whose range nobody states.
        """
        ch, h, w = self.shape
        _refuse_wide(picture)
        self._draft(picture)
        picture.load()
        with suppress(*BROKEN):  # what is loaded is whole; its metadata need not be
            picture = ImageOps.exif_transpose(picture)
        bring: Callable[[Image.Image, int, int], Image.Image] = _crop if self.square == "crop" else _pad
        array = np.asarray(bring(self._flat(picture), w, h))
        return array.reshape(h, w, ch).transpose(2, 0, 1)

    def _draft(self, picture: Image.Image) -> None:
        """Has a large JPEG decoded smaller, whichever way up it is; other formats take no heed."""
        ch, h, w = self.shape
        short, long = sorted(picture.size)
        shrunk = min(short / max(h, w), long / max(h, w)) if self.square == "crop" else long / max(h, w)
        if shrunk > GAP:
            width, height = (max(1, round(side * GAP / shrunk)) for side in picture.size)
            picture.draft("L" if ch == 1 else None, (width, height))

    def _flat(self, picture: Image.Image) -> Image.Image:
        """Without alpha, palette or depth: mode L or RGB."""
        mode = "L" if self.shape[0] == 1 else "RGB"
        if picture.mode.startswith("I;16"):
            high = np.asarray(picture) >> (self.bits - 8)
            return Image.fromarray(np.minimum(high, 255).astype(np.uint8)).convert(mode)
        if picture.has_transparency_data:
            return _on_white(picture).convert(mode)
        if picture.mode not in ("1", "L", "RGB"):
            picture = picture.convert("RGB")
        return picture if picture.mode == mode else picture.convert(mode)


def _on_white(picture: Image.Image) -> Image.Image:
    """Band by band, as all at once takes three more pictures in memory."""
    flat = Image.new("RGB", picture.size)
    for top in range(0, picture.height, BAND):
        over = picture.crop((0, top, picture.width, min(top + BAND, picture.height))).convert("RGBA")
        flat.paste(
            Image.alpha_composite(Image.new("RGBA", over.size, "white"), over).convert("RGB"), (0, top)
        )
    return flat


def _crop(picture: Image.Image, w: int, h: int) -> Image.Image:
    """The filter looks beyond the border of what is cut out, so that no pixel of it counts twice."""
    width, height = picture.size
    scale = min(width / w, height / h)
    taken = min(width, w * scale), min(height, h * scale)
    x, y = (width - taken[0]) / 2, (height - taken[1]) / 2
    return picture.resize((w, h), LANCZOS, box=(x, y, x + taken[0], y + taken[1]), reducing_gap=3.0)


def _pad(picture: Image.Image, w: int, h: int) -> Image.Image:
    scale = min(w / picture.width, h / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    small = picture.resize(size, LANCZOS, reducing_gap=3.0)
    if size == (w, h):
        return small
    pixels = np.asarray(small).reshape(size[1], size[0], -1)
    inner = np.zeros(pixels.shape[:2], bool)
    inner[1:-1, 1:-1] = True
    mean = np.rint(pixels[~inner].mean(axis=0)).astype(int)
    full = Image.new(picture.mode, (w, h), tuple(mean.tolist()))
    full.paste(small, ((w - size[0]) // 2, (h - size[1]) // 2))
    return full


def bits_in_use(collection: ImageCollection) -> int:
    """How many of 16 bits a pile's 16-bit pictures use, by those from all over it: 8, 10, 12, 14 or 16.

    Cameras of 12 bits write files of 16, which would be all but black. One number serves the whole pile, so
    that bright and dark pictures stay apart.
    """
    with closing(decoded(collection, _highest, collection.spread(LOOKED_AT))) as outcomes:
        highest = max((found for _, found in outcomes if not isinstance(found, Unreadable)), default=0)
    return next(bits for bits in DEPTHS if highest < 2**bits) if highest else 16


def _highest(picture: Image.Image) -> int:
    return int(np.asarray(picture).max()) if picture.mode.startswith("I;16") else 0
