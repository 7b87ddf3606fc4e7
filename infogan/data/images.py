"""Images by index, with the labels and factors that only an evaluation uses."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, final

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from infogan.config import BYTES, PixelScale
from infogan.data.labels import Labels
from infogan.utils.rng import make_rng

REDUCED_AT_ONCE = 1000  # images, so that the larger ones need little memory


class PixelArray(ABC):
    """Images of one shape, by index: in memory, or read or drawn on demand.

    Pixels are uint8, 0 to 255, with row 0 at the top. Vectors are images of shape (1, 1, width) with floats
    of any range.
    """

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def take(self, index: Int[Tensor, "b"]) -> UInt8[Tensor, "b ch h w"] | Float[Tensor, "b 1 1 w"]:
        """The images at these indices, on the device of this array; the index may be on any device."""

    @abstractmethod
    def to(self, device: torch.device) -> "PixelArray":
        """The same images, stored or drawn on that device."""


@final
class InMemoryPixels(PixelArray):
    """Images in the memory of the machine or of a device."""

    def __init__(self, x: UInt8[Tensor, "n ch h w"] | Float[Tensor, "n 1 1 w"]) -> None:
        self.x = x

    @property
    def shape(self) -> tuple[int, int, int]:
        ch, h, w = self.x.shape[1:]
        return ch, h, w

    def __len__(self) -> int:
        return len(self.x)

    def take(self, index: Int[Tensor, "b"]) -> UInt8[Tensor, "b ch h w"] | Float[Tensor, "b 1 1 w"]:
        return self.x[index.to(self.x.device)]

    def to(self, device: torch.device) -> "InMemoryPixels":
        return InMemoryPixels(self.x.to(device))


@final
class ReducedPixels(PixelArray):
    """Images at a lower resolution: each pixel is the mean of those that it covers."""

    def __init__(self, pixels: PixelArray, height: int, width: int) -> None:
        self.pixels, self.height, self.width = pixels, height, width

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.pixels.shape[0], self.height, self.width

    def __len__(self) -> int:
        return len(self.pixels)

    def take(self, index: Int[Tensor, "b"]) -> UInt8[Tensor, "b ch h w"]:
        size = (self.height, self.width)
        parts = [
            F.interpolate(self.pixels.take(part).float(), size, mode="area").round().to(torch.uint8)
            for part in torch.split(index, REDUCED_AT_ONCE)
        ]
        return torch.cat(parts)

    def to(self, device: torch.device) -> "ReducedPixels":
        return ReducedPixels(self.pixels.to(device), self.height, self.width)


def subsample_index(n: int, max_n: int) -> Int[np.ndarray, "m"]:
    """The places of a fixed random sample of `max_n` of n images, or of all, in order."""
    if n <= max_n:
        return np.arange(n)
    index: np.ndarray = torch.randperm(n, generator=make_rng(0, "some images"))[:max_n].sort().values.numpy()
    return index


def as_pixels(x: UInt8[np.ndarray, "n ch h w"] | Float[np.ndarray, "n 1 1 w"]) -> InMemoryPixels:
    """An array of pixels or vectors, which is not copied."""
    return InMemoryPixels(torch.from_numpy(x))


@final
@dataclass(frozen=True)
class Factor:
    """A factor of variation: a category 0, 1, ..., a number, or an angle in radians."""

    name: str
    kind: Literal["category", "number", "angle"]


@final
@dataclass(frozen=True)
class Factors:
    """The true factors of every image, one column per factor; for evaluation only."""

    columns: tuple[Factor, ...]
    values: Float[np.ndarray, "n f"]

    @staticmethod
    def on_grid(columns: tuple[Factor, ...], values: Sequence[Sequence[float] | np.ndarray]) -> "Factors":
        """Every combination of the values of each factor; the last factor varies fastest."""
        grid = np.stack(np.meshgrid(*values, indexing="ij"), axis=-1).reshape(-1, len(values))
        return Factors(columns, grid.astype(np.float64))


@final
@dataclass(frozen=True)
class Images:
    """Images with their labels, file names and factors.

    Training uses the pixels, and `training_labels` if there are any.
    """

    pixels: PixelArray
    labels: Labels | None = None  # the class of each image
    names: Sequence[str] | None = None  # the file of each image
    factors: Factors | None = None
    pixel_scale: PixelScale = BYTES  # by which files or arrays became pixels
    training_labels: Labels | None = None  # the classes that a person named to learn from, as `named_classes`
    left_out: tuple[str, ...] = ()  # which files of the source are not among these images, in words

    @staticmethod
    def from_arrays(
        x: UInt8[np.ndarray, "n ch h w"] | Float[np.ndarray, "n 1 1 w"],
        labels: Labels | None = None,
        names: Sequence[str] | None = None,
        factors: Factors | None = None,
    ) -> "Images":
        """Images in memory; the array is not copied."""
        return Images(as_pixels(x), labels, names, factors)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return self.pixels.shape

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def x(self) -> UInt8[np.ndarray, "n ch h w"] | Float[np.ndarray, "n 1 1 w"]:
        """All pixels as one array; `subsample` a large data set first if it is not in memory."""
        x: np.ndarray = self.pixels.take(torch.arange(len(self))).cpu().numpy()
        return x

    def reduced(self, shape: tuple[int, int, int]) -> "Images":
        """The same at a lower resolution; unchanged if that is no lower, or has other channels."""
        (ch, h, w), (_, height, width) = shape, self.shape
        if ch != self.shape[0] or h > height or w > width or shape == self.shape:
            return self
        return replace(self, pixels=ReducedPixels(self.pixels, h, w))

    def subsample(self, max_n: int) -> "Images":
        """A fixed random sample of `max_n` images, or all if there are no more, in memory and in order."""
        chosen = subsample_index(len(self), max_n)
        index = torch.from_numpy(chosen)
        return Images(
            InMemoryPixels(self.pixels.take(index)),
            None if self.labels is None else self.labels.take(chosen),
            None if self.names is None else tuple(self.names[i] for i in chosen),
            None if self.factors is None else replace(self.factors, values=self.factors.values[chosen]),
            self.pixel_scale,
            None if self.training_labels is None else self.training_labels.take(chosen),
            self.left_out,
        )
