"""An uploaded picture as one of the model's images; its content is not trusted."""

import warnings
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from infogan.config import PixelScale, Shape
from infogan.data.formats.image import open_image
from infogan.data.pixels import PICTURE_CHANNELS, ToPixels
from infogan.utils.errors import InfoganError
from infogan.utils.io import DECODE_ERRORS

MAX_BYTES = 20_000_000
MAX_PIXELS = 40_000_000


def read_upload(
    content: bytes, shape: Shape, square: Literal["crop", "pad"], scale: PixelScale
) -> UInt8[np.ndarray, "ch h w"]:
    """The picture, resized to the shape of the networks as pictures in a folder are.

    Raises:
        InfoganError: if it is not a picture, too large, or damaged.
    """
    if shape[0] not in PICTURE_CHANNELS:
        raise InfoganError(f"This model's images have {shape[0]} channels, so it cannot read pictures.")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="PIL")  # about unusual metadata
            with open_image(content) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise Image.DecompressionBombError
                return ToPixels(shape, square, scale)(picture).copy()
    except Image.DecompressionBombError:
        raise InfoganError(f"This picture has more than {MAX_PIXELS:,} pixels; shrink it.") from None
    except UnidentifiedImageError:
        raise InfoganError(
            "This is not a picture in PNG, JPEG, WebP, GIF, TIFF, BMP, PPM, AVIF, JPEG 2000 or HEIC format."
        ) from None
    except DECODE_ERRORS as error:
        raise InfoganError(f"This picture cannot be read ({error}).") from None
