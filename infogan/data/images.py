"""What every data source gives: images, and labels that only an evaluation may look at."""

from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Int, UInt8


@final
@dataclass(frozen=True)
class Images:
    """Images as they are stored, 0 to 255, row 0 at the top."""

    x: UInt8[np.ndarray, "n ch h w"]
    labels: Int[np.ndarray, "n"] | None = None  # for evaluation only; training never sees them
    names: tuple[str, ...] | None = None  # the files they came from, where each has one

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        ch, h, w = self.x.shape[1:]
        return ch, h, w

    def __len__(self) -> int:
        return len(self.x)
