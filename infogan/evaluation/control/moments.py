"""Simple moments of images, with brightness as mass: where the light is, how large, how slanted."""

import numpy as np
from jaxtyping import Float, UInt8

LENGTHS = ("x", "y", "size", "width")  # in pixels
MOMENTS = (*LENGTHS, "slant", "orientation_cos", "orientation_sin", "contrast", "brightness")
TINY = 1e-9  # mass of a black pixel, so that a black image has moments too


def image_moments(x: UInt8[np.ndarray, "n ch h w"]) -> Float[np.ndarray, "n m"]:
    """MOMENTS of each image; the last is repeated for each channel, so m = 8 + ch.

    With m20, m11 and m02 the second moments of the mean over the channels about the centre of mass, m20
    horizontal, in pixels:

        size = sqrt(m20 + m02),   slant = -m11 / m02,   width = sqrt(m20 - m11^2 / m02)  without the slant
        orientation = (m20 - m02, -2 m11) / (m20 + m02)

    The slant is positive if the image leans to the right. The angle of `orientation` is twice that of the
    main axis, its length 0 for a round image and 1 for a line. `contrast` is the standard deviation of the
    pixels. Brightness and contrast are in [0, 1].
    """
    pixels = x.astype(float) / 255
    brightness = pixels.mean(axis=1) + TINY
    mass = brightness / brightness.sum(axis=(1, 2), keepdims=True)
    row, column = np.indices(x.shape[2:]).astype(float)
    centre_x, centre_y = ((mass * place).sum(axis=(1, 2)) for place in (column, row))
    dx, dy = column - centre_x[:, None, None], row - centre_y[:, None, None]
    m20, m11, m02 = ((mass * product).sum(axis=(1, 2)) for product in (dx**2, dx * dy, dy**2))
    m02, both = m02 + TINY, m20 + m02 + TINY
    return np.column_stack(
        [
            centre_x,
            centre_y,
            np.sqrt(both),
            np.sqrt(np.maximum(m20 - m11**2 / m02, 0)),
            -m11 / m02,
            (m20 - m02) / both,
            -2 * m11 / both,
            pixels.std(axis=(1, 2, 3)),
            pixels.mean(axis=(2, 3)),
        ]
    )
