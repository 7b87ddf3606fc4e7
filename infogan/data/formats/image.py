"""The only place where images are opened."""

import io
import os

from PIL import Image

from infogan.utils.limits import max_unpacked_bytes

# Pillow reads more formats, but some of those start other programs or are rarely maintained.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")


def open_image(source: str | bytes) -> Image.Image:
    """Reads the header of an image, from a path or from its bytes; the pixels are not decoded yet.

    An image is rejected if decoding and resizing it would take more than 1 GiB and more than 250 times its
    file. 1 GiB is 67 million pixels, 134 million in 8-bit gray, or 41 million of a WebP.

    Raises:
        Image.DecompressionBombError: if it is rejected.
        OSError: if it is missing or of another format. Damaged files raise others of `DECODE_ERRORS`.
    """
    image = Image.open(source if isinstance(source, str) else io.BytesIO(source), formats=FORMATS)
    size = os.stat(source).st_size if isinstance(source, str) else len(source)
    if image.width * image.height * _bytes_per_pixel(image) > max_unpacked_bytes(size):
        image.close()
        raise Image.DecompressionBombError
    # Without a name Pillow does not memory-map the file. A map garbles an uncompressed TIFF whose orientation
    # swaps its sides, and kills the process if another one truncates the file meanwhile.
    image.filename = ""
    return image


def _bytes_per_pixel(image: Image.Image) -> int:
    """An upper bound on what was measured for any mode, through `ToPixels`."""
    if image.format == "WEBP":
        return 26
    return 8 if image.mode in ("1", "L") else 16
