"""Pictures within the page: PNG as data URIs, each with words for those who do not see it."""

import base64
import io
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from infogan.figures.traversal import make_grid

SIDE = 64  # larger images are shown as thumbnails
SHOWN = 56  # about how wide an image is on the page, in CSS pixels


@final
@dataclass(frozen=True)
class Picture:
    """One picture; `width` is what it takes on the page, in CSS pixels, where there is room."""

    uri: str
    width: int
    alt: str
    note: str = ""  # below it


def picture(x: UInt8[np.ndarray, "ch h w"], alt: str, note: str = "") -> Picture:
    """A single image, a thumbnail where it is large."""
    small = thumbnails(x[None])[0]
    w = small.shape[2]
    return Picture(_uri(small.transpose(1, 2, 0)), w * _scale(w), alt, note)


def sheet(x: UInt8[np.ndarray, "rows cols ch h w"], alt: str) -> Picture:
    """Many images as one picture, in rows and columns."""
    rows, cols = x.shape[:2]
    small = thumbnails(x.reshape(rows * cols, *x.shape[2:]))
    grid = small.reshape(rows, cols, *small.shape[1:])
    tiled, gaps = make_grid(grid), make_grid(np.zeros_like(grid[:, :, :1]))
    clear = np.concatenate([tiled, 255 - gaps], axis=2)  # so that the gaps are as light or dark as the page
    return Picture(_uri(clear), tiled.shape[1] * _scale(small.shape[3]), alt)


def thumbnails(x: UInt8[np.ndarray, "n ch h w"]) -> UInt8[np.ndarray, "n ch2 h2 w2"]:
    """Images as they are shown: no side above 64 pixels, gray or colour."""
    if x.shape[1] not in (1, 3):
        x = x.mean(axis=1, keepdims=True).round().astype(np.uint8)
    h, w = x.shape[2:]
    if max(h, w) <= SIDE:
        return x
    size = (max(1, round(w * SIDE / max(h, w))), max(1, round(h * SIDE / max(h, w))))
    resized = [np.asarray(_image(one.transpose(1, 2, 0)).resize(size, Image.Resampling.BOX)) for one in x]
    stacked = np.stack(resized)
    return np.ascontiguousarray(stacked[:, None] if stacked.ndim == 3 else stacked.transpose(0, 3, 1, 2))


def _scale(w: int) -> int:
    return max(1, round(SHOWN / w))


def _image(pixels: UInt8[np.ndarray, "h w ch"]) -> Image.Image:
    return Image.fromarray(pixels.squeeze(axis=2) if pixels.shape[2] == 1 else pixels)


def _uri(pixels: UInt8[np.ndarray, "h w ch"]) -> str:
    buffer = io.BytesIO()
    _image(np.ascontiguousarray(pixels)).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
