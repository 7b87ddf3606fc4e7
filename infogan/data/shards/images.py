"""Pictures in tar shards as images of one shape."""

from contextlib import closing
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from jaxtyping import Int, UInt8
from PIL import Image
from torch import Tensor

from infogan.config import Shape
from infogan.data.formats.collection import decoded
from infogan.data.formats.image import open_picture
from infogan.data.formats.resize import Shaper, as_array, bits_in_use
from infogan.data.formats.unreadable import Unreadable, complain
from infogan.data.images import Images, PixelArray
from infogan.data.options import LoadOptions
from infogan.data.shards.reader import Encoded, Shards, open_shards
from infogan.utils.errors import InfoganError, one_line, shown
from infogan.utils.limits import BROKEN


@final
@dataclass(frozen=True)
class AsIs:
    """Takes a picture as it is, where it has the shape of the others."""

    shape: Shape

    def __call__(self, picture: Image.Image) -> UInt8[np.ndarray, "ch h w"]:
        """
        Raises:
            ValueError: where it has another.
        """
        x = as_array(picture)
        if x.shape != self.shape:
            raise ValueError(f"of (channels, height, width) {x.shape} where the first has {self.shape}")
        return x


@final
class ShardedPixels(PixelArray):
    """Pictures in shards, read and decoded when asked for."""

    def __init__(self, shards: Shards, decode: Shaper | AsIs, device: torch.device) -> None:
        self.shards, self.decode, self.device = shards, decode, device

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.decode.shape

    def __len__(self) -> int:
        return len(self.shards)

    def take(self, index: Int[Tensor, "b"]) -> UInt8[Tensor, "b ch h w"]:
        chosen, back = torch.unique(index.cpu(), return_inverse=True)
        x = np.empty((len(chosen), *self.shape), np.uint8)
        with closing(decoded(self.shards.collection, self.decode, chosen.tolist())) as outcomes:
            for i, (_, outcome) in enumerate(outcomes):
                if isinstance(outcome, Unreadable):
                    raise self._refusal(outcome)
                x[i] = outcome
        return torch.from_numpy(x)[back].to(self.device)

    def to(self, device: torch.device) -> "ShardedPixels":
        return ShardedPixels(self.shards, self.decode, device)

    def one(self, encoded: Encoded) -> UInt8[np.ndarray, "ch h w"]:
        """A picture that was read, decoded in the shape of all.

        Raises:
            InfoganError: where it cannot be.
        """
        try:
            with open_picture(encoded.content) as picture:
                return self.decode(picture)
        except (InfoganError, *BROKEN) as error:
            raise self._refusal(Unreadable(encoded.name, one_line(error).rstrip("."))) from error

    def _refusal(self, bad: Unreadable) -> InfoganError:
        where = shown(self.shards.where)
        return InfoganError(
            f"{bad} in {where} cannot be used; infogan data pack shards:{where} OUT --skip-bad leaves such "
            "pictures out, --size 32 brings all to one size."
        )


def load_shards(what: str, load_options: LoadOptions) -> Images:
    """The pictures of shards, as they are, in one shape, or in the shape of the reading.

    Raises:
        InfoganError: as `open_shards`, or where the first picture is broken.
    """
    shards, cpu = open_shards(what), torch.device("cpu")
    if load_options.shape is not None:
        shaper = Shaper(load_options.shape, load_options.square, bits_in_use(shards.collection))
        return Images(ShardedPixels(shards, shaper, cpu), shards.labels)
    with closing(decoded(shards.collection, as_array, [0])) as outcomes:
        (_, first) = next(outcomes)
    if isinstance(first, Unreadable):
        complain(shards.where, len(shards), [first], skip_bad=False)
    assert not isinstance(first, Unreadable)
    ch, h, w = first.shape
    return Images(ShardedPixels(shards, AsIs((ch, h, w)), cpu), shards.labels)
