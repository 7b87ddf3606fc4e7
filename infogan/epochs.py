"""Which real images an update takes."""

from typing import final

import torch
from jaxtyping import Int
from torch import Tensor

from infogan.rng import make_rng


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
