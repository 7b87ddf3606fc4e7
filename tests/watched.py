"""Images for tests that look at how they are read."""

from typing import final

import torch
from torch import Tensor

from infogan.data.images import PixelArray


@final
class Watched(PixelArray):
    """Images made when asked for, which notes how many at once; at one of them something may go wrong."""

    def __init__(self, n: int, broken: int = -1) -> None:
        self.n, self.broken = n, broken
        self.asked: list[int] = []

    @property
    def shape(self) -> tuple[int, int, int]:
        return (1, 8, 8)

    def __len__(self) -> int:
        return self.n

    def take(self, index: Tensor) -> Tensor:
        self.asked.append(len(index))
        if self.broken in index:
            raise KeyboardInterrupt
        rows = index[:, None] * torch.arange(1, 65)  # an image of its own for each
        return (rows * 7 % 256).byte().view(-1, 1, 8, 8)

    def to(self, device: torch.device) -> "Watched":
        return self
