"""Which real images an update takes, and the images themselves."""

from abc import ABC, abstractmethod
from typing import final

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from infogan.data.images import PixelArray
from infogan.utils.rng import make_rng


@final
class Epochs:
    """The order of images, an own one an epoch, drawn once for it."""

    def __init__(self, n_images: int, batch: int, seed: int, device: torch.device) -> None:
        self.n_images, self.batch, self.seed, self.device = n_images, batch, seed, device
        self.epoch, self.order = -1, torch.empty(0)

    def chosen(self, n: int) -> Int[Tensor, "b"]:
        """The images of update n."""
        epoch, i = divmod(n, self.n_images // self.batch)
        if epoch != self.epoch:
            rng = make_rng(self.seed, f"epoch {epoch}")
            self.epoch, self.order = epoch, torch.randperm(self.n_images, generator=rng).to(self.device)
        return self.order[i * self.batch :][: self.batch]


class Feed(ABC):
    """What a training asks for real images: a process's part of every batch, on its device."""

    @abstractmethod
    def batch(self, n: int) -> UInt8[Tensor, "b ch h w"] | Float[Tensor, "b 1 1 w"]:
        """The images of update n, counted from 0; any may be asked for, the next one is had soonest."""

    @abstractmethod
    def indices(self, n: int) -> Int[Tensor, "b"]:
        """Which images `batch(n)` holds, as indices of the data set."""

    @abstractmethod
    def close(self) -> None:
        """Ends what reads ahead; another batch begins it anew."""


@final
class Shuffled(Feed):
    """Images that are at hand, each once in an epoch, in the order of `Epochs`."""

    def __init__(self, pixels: PixelArray, epochs: Epochs, part: slice) -> None:
        self.pixels, self.epochs, self.part = pixels, epochs, part

    def batch(self, n: int) -> UInt8[Tensor, "b ch h w"] | Float[Tensor, "b 1 1 w"]:
        return self.pixels.take(self.indices(n))

    def indices(self, n: int) -> Int[Tensor, "b"]:
        return self.epochs.chosen(n)[self.part]

    def close(self) -> None:
        pass
