"""What can be measured in any image without learning: quantities by name."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, UInt8

from infogan.evaluation.control.moments import MOMENTS, image_moments

Pixels = UInt8[np.ndarray, "n ch h w"]
Quantity = Callable[[Pixels], Float[np.ndarray, "n"]]


def _moment(name: str) -> Quantity:
    def measure(x: Pixels) -> Float[np.ndarray, "n"]:
        # The last moment is that of each channel.
        columns = image_moments(x)
        index = MOMENTS.index(name)
        found: np.ndarray = (
            columns[:, index:].mean(axis=1) if index == len(MOMENTS) - 1 else columns[:, index]
        )
        return found

    return measure


QUANTITIES: dict[str, Quantity] = {
    "slant": _moment("slant"),
    "width": _moment("width"),
    "ink": _moment("brightness"),  # of digits, in whose records brightness has this name
    "brightness": _moment("brightness"),
    "contrast": _moment("contrast"),
}
