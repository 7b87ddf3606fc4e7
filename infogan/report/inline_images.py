"""Images as data URIs within a page, with a text alternative each."""

import base64
import io
from dataclasses import dataclass
from typing import Literal, final

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from infogan.data.false_colour import false_colour
from infogan.figures.traversal import make_grid

MAX_SIDE = 64  # pixels; larger images become thumbnails
SHOWN_WIDTH = 56  # of one image on the page, about, in CSS pixels


@final
@dataclass(frozen=True)
class InlineImage:
    """An image on the page."""

    uri: str
    width: int  # in CSS pixels, if there is room
    alt: str
    caption: str = ""


def inline_image(x: UInt8[np.ndarray, "ch h w"], alt: str, caption: str = "") -> InlineImage:
    """One image, as a thumbnail if it is large."""
    small = thumbnails(x[None])[0]
    w = small.shape[2]
    return InlineImage(to_data_uri(small.transpose(1, 2, 0)), w * _scale(w), alt, caption)


def inline_grid(x: UInt8[np.ndarray, "rows cols ch h w"], alt: str) -> InlineImage:
    """Many images as one, in rows and columns with transparent gaps."""
    rows, cols = x.shape[:2]
    small = thumbnails(x.reshape(rows * cols, *x.shape[2:]))
    images = small.reshape(rows, cols, *small.shape[1:])
    grid, gaps = make_grid(images), make_grid(np.zeros_like(images[:, :, :1]))
    with_alpha = np.concatenate([grid, 255 - gaps], axis=2)
    return InlineImage(to_data_uri(with_alpha), grid.shape[1] * _scale(small.shape[3]), alt)


def thumbnails(
    x: UInt8[np.ndarray, "n ch h w"], max_side: int = MAX_SIDE
) -> UInt8[np.ndarray, "n ch2 h2 w2"]:
    """Images with no longer side, in `false_colour`."""
    x = false_colour(x)
    h, w = x.shape[2:]
    if max(h, w) <= max_side:
        return x
    size = (max(1, round(w * max_side / max(h, w))), max(1, round(h * max_side / max(h, w))))
    resized = [np.asarray(_to_pillow(one.transpose(1, 2, 0)).resize(size, Image.Resampling.BOX)) for one in x]
    stacked = np.stack(resized)
    return np.ascontiguousarray(stacked[:, None] if stacked.ndim == 3 else stacked.transpose(0, 3, 1, 2))


def _scale(w: int) -> int:
    return max(1, round(SHOWN_WIDTH / w))


def _to_pillow(pixels: UInt8[np.ndarray, "h w ch"]) -> Image.Image:
    return Image.fromarray(pixels.squeeze(axis=2) if pixels.shape[2] == 1 else pixels)


def to_data_uri(pixels: UInt8[np.ndarray, "h w ch"], format: Literal["PNG", "WEBP"] = "PNG") -> str:
    """An image within a page; WebP is smaller, but not the same in every pixel."""
    buffer = io.BytesIO()
    _to_pillow(np.ascontiguousarray(pixels)).save(buffer, format, optimize=True)
    return f"data:image/{format.lower()};base64," + base64.b64encode(buffer.getvalue()).decode()
