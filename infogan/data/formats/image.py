"""The one place where pictures are opened."""

import io
import os

from PIL import Image

from infogan.utils.limits import most_unpacked

# Those of folders; Pillow knows more, of which some start other programs and some are rarely looked after.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")


def open_picture(source: str | bytes) -> Image.Image:
    """Reads the head of a picture, by its path or out of memory; its pixels are not decoded yet.

    Refused are those that would take more than 1 GiB while they are decoded and shaped, which are 67 million
    pixels, 134 million in 8-bit gray, or 41 million of a WebP, where that is more than 250 times the file: no
    photograph is.

    Raises:
        Image.DecompressionBombError: for those.
        OSError: where it is gone, or no picture of these formats; and others of `BROKEN`.
    """
    picture = Image.open(source if isinstance(source, str) else io.BytesIO(source), formats=FORMATS)
    size = os.stat(source).st_size if isinstance(source, str) else len(source)
    if picture.width * picture.height * _bytes_a_pixel(picture) > most_unpacked(size):
        picture.close()
        raise Image.DecompressionBombError
    # Without a name Pillow does not map the file into memory, which scrambles an uncompressed TIFF whose
    # orientation swaps its sides, and kills the process where another cuts the file meanwhile.
    picture.filename = ""
    return picture


def _bytes_a_pixel(picture: Image.Image) -> int:
    """No less than was measured of any mode, through `as_array` and through `Shaper`."""
    if picture.format == "WEBP":
        return 26
    return 8 if picture.mode in ("1", "L") else 16
