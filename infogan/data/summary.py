"""The number, the size and the channels of images, without loading them all."""

from contextlib import closing, suppress
from dataclasses import dataclass
from statistics import median
from typing import final

import numpy as np
from PIL import ExifTags, Image

from infogan.config import Shape
from infogan.data.formats.collection import ImageCollection, Unreadable, decode_images, report_unreadable
from infogan.data.formats.pages import PageCounter
from infogan.data.pixels import GRAY_MODES
from infogan.utils.io import DECODE_ERRORS

N_INSPECTED = 200  # images that stand for the whole collection
MAX_INSPECTED_PIXELS = 2**29  # then only the file's mode decides, as large images would take minutes
QUARTER_TURNS = range(5, 9)  # EXIF orientations that swap width and height
MAX_GRAY_RANGE = 4  # levels between the channels of a pixel that JPEG may add to a gray image


@final
@dataclass(frozen=True)
class SourceSummary:
    """What is known of images before they are loaded."""

    n: int  # includes images that turn out to be unreadable
    channels: int
    width: int  # the median, in pixels, of upright images
    height: int  # likewise
    shape: Shape | None = None  # the fixed shape of a data set; None if images can be resized to any shape
    left_out: str = ""  # what is not read although nothing is wrong with it
    inspected: int = 0  # images that were opened
    paged: int = 0  # inspected images with further pages or frames
    unreadable: int = 0  # inspected images that cannot be read

    def training_shape(self, size: tuple[int, int]) -> Shape:
        """The shape that training resizes images to: this width and height, unless theirs is fixed."""
        width, height = size
        return self.shape or (self.channels, height, width)


def summarise(collection: ImageCollection) -> SourceSummary:
    """Summarises a collection by up to 200 images from all over it."""
    n_pixels = 0  # inspected so far; only approximate, as several threads add to it

    def is_gray_and_size(picture: Image.Image) -> tuple[bool, tuple[int, int]]:
        nonlocal n_pixels
        size = _upright_size(picture)
        if picture.mode in GRAY_MODES:
            return True, size
        if picture.mode != "P" and n_pixels >= MAX_INSPECTED_PIXELS:
            return False, size
        n_pixels += picture.width * picture.height
        picture.thumbnail((128, 128))
        rgb = np.asarray(picture.convert("RGB")).astype(int)
        return bool((np.ptp(rgb, axis=2) <= MAX_GRAY_RANGE).all()), size

    index = collection.spread_indices(N_INSPECTED)
    readable, unreadable = list[tuple[bool, tuple[int, int]]](), list[Unreadable]()
    counted = PageCounter(is_gray_and_size)
    with closing(decode_images(collection, counted, index)) as outcomes:
        for _, outcome in outcomes:
            unreadable.append(outcome) if isinstance(outcome, Unreadable) else readable.append(outcome)
    if not readable:
        report_unreadable(collection.source, len(unreadable), unreadable, skip_bad=True)
    return SourceSummary(
        n=collection.n,
        channels=1 if all(is_gray for is_gray, _ in readable) else 3,
        width=round(median(width for _, (width, _) in readable)),
        height=round(median(height for _, (_, height) in readable)),
        left_out=collection.left_out,
        inspected=len(index),
        paged=counted.n,
        unreadable=len(unreadable),
    )


def _upright_size(picture: Image.Image) -> tuple[int, int]:
    """Width and height once the image is turned as its EXIF says."""
    width, height = picture.size
    if "exif" in picture.info:
        with suppress(*DECODE_ERRORS):  # as `ToPixels`
            if picture.getexif().get(ExifTags.Base.Orientation, 1) in QUARTER_TURNS:
                return height, width
    return width, height
