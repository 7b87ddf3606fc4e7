"""Clustering at a lower resolution: its time grows with the pixels, and clusters hardly need the finest."""

from infogan.config import Config
from infogan.data.images import PixelArray, ReducedPixels
from infogan.method.model import Model, make_model

MIN_SIDE, MAX_SIDE = 8, 64  # pixels


def reduced(model: Model, pixels: PixelArray, config: Config) -> tuple[Model, PixelArray, Config]:
    """The same for images of at most 64 pixels a side, with the untrained networks of that shape.

    Nothing changes if they are no larger, or if the networks take one shape only.
    """
    ch, h, w = pixels.shape
    if config.networks.architecture != "small" or max(h, w) <= MAX_SIDE:
        return model, pixels, config
    # A long strip keeps as many pixels across as the networks need.
    h, w = (min(side, max(MIN_SIDE, round(side * MAX_SIDE / max(h, w)))) for side in (h, w))
    smaller, like = config.replace(shape=(ch, h, w)), next(model.D.parameters())
    return make_model(smaller).to(like.device, like.dtype), ReducedPixels(pixels, h, w), smaller
