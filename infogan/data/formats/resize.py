"""Resizing of images to a shape of another aspect ratio, and images on white."""

from typing import Literal

import numpy as np
from PIL import Image

from infogan.config import Shape

ROWS_PER_BAND = 256
DRAFT_RATIO = 2.0  # a JPEG is decoded at no less than this many times the final size
LANCZOS = Image.Resampling.LANCZOS

Square = Literal["crop", "pad"]


def draft(image: Image.Image, shape: Shape, square: Square) -> None:
    """Lets a large JPEG be decoded at a smaller size, upright or not; other formats ignore it."""
    ch, h, w = shape
    short, long = sorted(image.size)
    ratio = min(short / max(h, w), long / max(h, w)) if square == "crop" else long / max(h, w)
    if ratio > DRAFT_RATIO:
        width, height = (max(1, round(side * DRAFT_RATIO / ratio)) for side in image.size)
        image.draft("L" if ch == 1 else None, (width, height))


def on_white(image: Image.Image) -> Image.Image:
    """RGB, over white; in bands, as all at once needs memory for three more images."""
    flat = Image.new("RGB", image.size)
    for top in range(0, image.height, ROWS_PER_BAND):
        over = image.crop((0, top, image.width, min(top + ROWS_PER_BAND, image.height))).convert("RGBA")
        white = Image.new("RGBA", over.size, "white")
        flat.paste(Image.alpha_composite(white, over).convert("RGB"), (0, top))
    return flat


def crop(image: Image.Image, w: int, h: int) -> Image.Image:
    """As ImageOps.fit, but with `reducing_gap`, which is faster and rounds differently."""
    width, height = image.size
    scale = min(width / w, height / h)
    taken = min(width, w * scale), min(height, h * scale)
    x, y = (width - taken[0]) / 2, (height - taken[1]) / 2
    return image.resize((w, h), LANCZOS, box=(x, y, x + taken[0], y + taken[1]), reducing_gap=3.0)


def pad(image: Image.Image, w: int, h: int) -> Image.Image:
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
