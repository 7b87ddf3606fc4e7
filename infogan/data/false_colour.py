"""Images of any number of channels as something to look at: gray or red, green and blue."""

import numpy as np
from jaxtyping import UInt8

from infogan.data.pixels import PICTURE_CHANNELS


def false_colour(x: UInt8[np.ndarray, "*n ch h w"]) -> UInt8[np.ndarray, "*n ch2 h w"]:
    """Gray and RGB as they are; two channels as red and green; of more, the first three as RGB.

    Everything that draws images uses it; `infogan/explore/page/pixels.js` does the same in the browser.
    """
    if x.shape[-3] in PICTURE_CHANNELS:
        return x
    if x.shape[-3] == 2:
        return np.concatenate([x, np.zeros_like(x[..., :1, :, :])], axis=-3)
    return x[..., :3, :, :]


def describe_channels(ch: int) -> str:
    """What images of so many channels are, and how they are drawn."""
    if ch in PICTURE_CHANNELS:
        return "gray" if ch == 1 else "colour"
    drawn = (
        "drawn as red and green" if ch == 2 else "of which the first three are drawn as red, green and blue"
    )
    return f"{ch} channels, {drawn}"
