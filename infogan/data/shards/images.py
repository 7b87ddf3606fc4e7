"""Images in tar shards, decoded to one shape on demand."""

from contextlib import closing
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from jaxtyping import Int, UInt8
from PIL import Image
from torch import Tensor

from infogan.config import Shape
from infogan.data.formats.collection import Unreadable, decode_images, report_left_out, report_unreadable
from infogan.data.formats.image import open_image
from infogan.data.images import Images, PixelArray
from infogan.data.options import LoadOptions
from infogan.data.pixels import ToPixels, find_scale
from infogan.data.shards.reader import EncodedImage, Shards, open_shards
from infogan.utils.errors import InfoganError, one_line, shown
from infogan.utils.io import DECODE_ERRORS


@final
@dataclass(frozen=True)
class RequireShape:
    """Decodes an image at its own size, which must be the expected one."""

    shape: Shape
    to_pixels: ToPixels

    def __call__(self, image: Image.Image) -> UInt8[np.ndarray, "ch h w"]:
        x = self.to_pixels(image)
        if x.shape != self.shape:
            raise ValueError(f"(channels, height, width) {x.shape}, but the first image has {self.shape}")
        return x


@final
class ShardedPixels(PixelArray):
    """Images in shards, read and decoded on demand."""

    def __init__(
        self, shards: Shards, decode: ToPixels | RequireShape, shape: Shape, device: torch.device
    ) -> None:
        self.shards, self.decode, self._shape, self.device = shards, decode, shape, device

    @property
    def shape(self) -> tuple[int, int, int]:
        return self._shape

    def __len__(self) -> int:
        return len(self.shards)

    def take(self, index: Int[Tensor, "b"]) -> UInt8[Tensor, "b ch h w"]:
        chosen, inverse = torch.unique(index.cpu(), return_inverse=True)
        x = np.empty((len(chosen), *self.shape), np.uint8)
        with closing(decode_images(self.shards.collection, self.decode, chosen.tolist())) as outcomes:
            for i, (_, outcome) in enumerate(outcomes):
                if isinstance(outcome, Unreadable):
                    raise self._error(outcome)
                x[i] = outcome
        return torch.from_numpy(x)[inverse].to(self.device)

    def to(self, device: torch.device) -> "ShardedPixels":
        return ShardedPixels(self.shards, self.decode, self.shape, device)

    def decode_one(self, encoded: EncodedImage) -> UInt8[np.ndarray, "ch h w"]:
        try:
            with open_image(encoded.content) as image:
                return self.decode(image)
        except (InfoganError, *DECODE_ERRORS) as error:
            raise self._error(Unreadable(encoded.name, one_line(error).rstrip("."))) from error

    def _error(self, unreadable: Unreadable) -> InfoganError:
        source = shown(self.shards.source)
        return InfoganError(
            f"{unreadable} in {source} cannot be used; infogan data pack shards:{source} OUT --skip-bad "
            "leaves such images out, and --size 32 brings all to one size."
        )


def load_shards(source: str, load_options: LoadOptions) -> Images:
    """The images of shards: resized to `load_options.shape`, or at their own size, which must be the same."""
    shards, cpu = open_shards(source), torch.device("cpu")
    left_out = shards.report_without_image(load_options.skip_bad)
    left_out += report_left_out(shards.source, shards.left_out)
    shape, scale = load_options.shape, find_scale(shards.collection, load_options.pixel_scale)
    to_pixels = ToPixels(shape, load_options.square, scale)
    if shape is not None:
        pixels = ShardedPixels(shards, to_pixels, shape, cpu)
        return Images(pixels, shards.labels, shards.names, pixel_scale=scale, left_out=left_out)
    with closing(decode_images(shards.collection, to_pixels, [0])) as outcomes:
        (_, first) = next(outcomes)
    if isinstance(first, Unreadable):
        report_unreadable(shards.source, len(shards), [first], skip_bad=False)
    assert not isinstance(first, Unreadable)
    ch, h, w = first.shape
    pixels = ShardedPixels(shards, RequireShape((ch, h, w), to_pixels), (ch, h, w), cpu)
    return Images(pixels, shards.labels, shards.names, pixel_scale=scale, left_out=left_out)
