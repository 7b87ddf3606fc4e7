"""What every data source gives: images by index; labels and factors that only an evaluation may see."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Literal, final

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from infogan.utils.rng import make_rng


class PixelArray(ABC):
    """Images that can be asked for by index, 0 to 255, row 0 at the top: stored, or drawn when asked for.

    Vectors are images of one row, (1, 1, width), of numbers of any size.
    """

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def take(self, index: Int[Tensor, "b"]) -> UInt8[Tensor, "b ch h w"] | Float[Tensor, "b 1 1 w"]:
        """The images of these indices, on the device that `to` chose; the index may lie anywhere."""

    @abstractmethod
    def to(self, device: torch.device) -> "PixelArray":
        """The same images, held or drawn on that device."""


@final
class InMemoryPixels(PixelArray):
    """Images that lie in memory, or in the memory of a device."""

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
@dataclass(frozen=True)
class Factor:
    """One way in which images vary: a category 0, 1, ..., a number, or an angle in radians."""

    name: str
    kind: Literal["category", "number", "angle"]


@final
@dataclass(frozen=True)
class Factors:
    """What is known of every image, a column a factor; for evaluation only."""

    known: tuple[Factor, ...]
    values: Float[np.ndarray, "n f"]


@final
@dataclass(frozen=True)
class Images:
    """A pile of images, and what is known of them; training takes the pixels alone."""

    pixels: PixelArray
    labels: Int[np.ndarray, "n"] | None = None  # the one category people care most about
    names: tuple[str, ...] | None = None  # the files they came from, where each has one
    factors: Factors | None = None

    @staticmethod
    def stored(
        x: UInt8[np.ndarray, "n ch h w"] | Float[np.ndarray, "n 1 1 w"],
        labels: Int[np.ndarray, "n"] | None = None,
        names: tuple[str, ...] | None = None,
        factors: Factors | None = None,
    ) -> "Images":
        """Images that lie in memory."""
        return Images(InMemoryPixels(torch.from_numpy(x)), labels, names, factors)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return self.pixels.shape

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def x(self) -> UInt8[np.ndarray, "n ch h w"] | Float[np.ndarray, "n 1 1 w"]:
        """All of them at once; of a set that is drawn when asked for, take `some` first."""
        x: np.ndarray = self.pixels.take(torch.arange(len(self))).cpu().numpy()
        return x

    def some(self, most: int) -> "Images":
        """These images in memory where they are no more than `most`, else a random choice of so many."""
        n = len(self)
        index = torch.arange(n)
        if n > most:
            index = torch.randperm(n, generator=make_rng(0, "some images"))[:most].sort().values
        chosen = index.numpy()
        return Images(
            InMemoryPixels(self.pixels.take(index)),
            None if self.labels is None else self.labels[chosen],
            None if self.names is None else tuple(self.names[i] for i in chosen),
            None if self.factors is None else replace(self.factors, values=self.factors.values[chosen]),
        )
