"""The real images of each training step."""

from abc import ABC, abstractmethod
from typing import final

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from infogan.data.images import PixelArray
from infogan.utils.rng import make_rng


@final
class EpochSampler:
    """The images of each batch: every epoch is a fresh random permutation, cut into batches.

    The last `n_images % batch_size` images of a permutation, at most `batch_size - 1`, are left out of its
    epoch, so that every batch is whole. The order depends on the seed and the step only.
    """

    def __init__(self, n_images: int, batch_size: int, seed: int, device: torch.device) -> None:
        self.n_images, self.batch_size, self.seed, self.device = n_images, batch_size, seed, device
        self.epoch, self.permutation = -1, torch.empty(0)

    def indices(self, step: int) -> Int[Tensor, "b"]:
        """The images of a step, counted from 0; on `device`."""
        epoch, i = divmod(step, self.n_images // self.batch_size)
        if epoch != self.epoch:
            rng = make_rng(self.seed, f"epoch {epoch}")
            self.epoch = epoch
            self.permutation = torch.randperm(self.n_images, generator=rng).to(self.device)
        return self.permutation[i * self.batch_size :][: self.batch_size]


class BatchSource(ABC):
    """The real images of a training process: its part of every batch, on its device."""

    @abstractmethod
    def batch(self, step: int) -> UInt8[Tensor, "b ch h w"] | Float[Tensor, "b 1 1 w"]:
        """The images of a step, counted from 0. Any step may be asked for; the next one is fastest."""

    @abstractmethod
    def indices(self, step: int) -> Int[Tensor, "b"]:
        """Which images `batch(step)` contains."""

    @abstractmethod
    def close(self) -> None:
        """Stops reading ahead; the next call of `batch` starts it again."""


@final
class ShuffledBatches(BatchSource):
    """Batches of images that can be indexed cheaply, in the order of `EpochSampler`."""

    def __init__(self, pixels: PixelArray, sampler: EpochSampler, part: slice) -> None:
        self.pixels, self.sampler, self.part = pixels, sampler, part

    def batch(self, step: int) -> UInt8[Tensor, "b ch h w"] | Float[Tensor, "b 1 1 w"]:
        return self.pixels.take(self.indices(step))

    def indices(self, step: int) -> Int[Tensor, "b"]:
        return self.sampler.indices(step)[self.part]

    def close(self) -> None:
        pass
