"""A picture that somebody dropped on the page, as one of the model's images; nothing of it is trusted."""

import warnings
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from infogan.config import Shape
from infogan.data.formats.image import open_image
from infogan.data.formats.resize import Resize
from infogan.utils.errors import InfoganError
from infogan.utils.io import DECODE_ERRORS

MOST_BYTES = 20_000_000
MOST_PIXELS = 40_000_000


def read_upload(content: bytes, shape: Shape, square: Literal["crop", "pad"]) -> UInt8[np.ndarray, "ch h w"]:
    """The picture, brought to the networks' shape as the pictures of a folder are.

    Raises:
        InfoganError: for what is no picture, one of too many pixels, or one that is damaged.
    """
    if shape[0] not in (1, 3):
        raise InfoganError(f"This model's images have {shape[0]} channels, which no picture has.")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="PIL")  # odd metadata
            with open_image(content) as picture:
                if picture.width * picture.height > MOST_PIXELS:
                    raise Image.DecompressionBombError
                return Resize(shape, square)(picture).copy()
    except Image.DecompressionBombError:
        raise InfoganError(f"This picture has more than {MOST_PIXELS:,} pixels; shrink it.") from None
    except UnidentifiedImageError:
        raise InfoganError(
            "This is no picture that can be read here; PNG, JPEG, WebP, GIF, TIFF and BMP can."
        ) from None
    except DECODE_ERRORS as error:
        raise InfoganError(f"This picture cannot be read ({error}).") from None
