"""Which images of shards an update takes: an order that follows from seed and update alone.

The images, in the order of the shards, are cut into lanes of equal length, and every batch takes equally
many of each. A lane goes through its images again and again: each time its chunks, runs of neighbours that
are read at once, come in another order, the row that they make is cut into blocks, and each block is
shuffled. So a reader of a lane holds a block of it, and may begin with any update.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, final

import numpy as np
import torch
from jaxtyping import Int

from infogan.utils.rng import make_rng

BLOCK = 1024  # images of a lane that are shuffled together, where they are no more bytes than these
BLOCK_BYTES = 2**22
CHUNKS = 8  # of a block, at least
CHUNK_BYTES = 2**18
FEW, MOST = 16, 64  # lanes: many mix well, and few are read in long runs
SHARE = 32  # images of a batch that ask for a lane, above FEW


class Stretch(NamedTuple):
    """Images of one block that follow each other in a lane: those of this block from first to last."""

    block: int  # counted from the beginning of the training
    first: int
    last: int


@final
class Lanes:
    """The order of n images of so many bytes each, in batches."""

    def __init__(self, n: int, bytes_each: int, batch: int, seed: int) -> None:
        self.n, self.batch, self.seed = n, batch, seed
        most = min(MOST, max(FEW, batch // SHARE))
        self.count = next(count for count in range(most, 0, -1) if batch % count == 0)
        self.each = batch // self.count  # images of a lane in a batch
        shortest = n // self.count
        self.block = max(1, min(BLOCK, BLOCK_BYTES // bytes_each, shortest))
        self.chunk = max(1, min(self.block // CHUNKS, CHUNK_BYTES // bytes_each))

    def bounds(self, lane: int) -> tuple[int, int]:
        """The lane's images: from the first to before the second; lanes differ by one image at most."""
        return lane * self.n // self.count, (lane + 1) * self.n // self.count

    def blocks_of(self, lane: int) -> int:
        """How many blocks make the lane, of which the last may be shorter."""
        start, end = self.bounds(lane)
        return -(-(end - start) // self.block)

    def stretches(self, lane: int, n: int, part: slice) -> list[Stretch]:
        """Where the images lie that update n takes of a lane, of which `part` is wanted."""
        start, end = self.bounds(lane)
        at, last = n * self.each + part.start, n * self.each + part.stop
        found: list[Stretch] = []
        while at < last:
            epoch, within = divmod(at, end - start)
            block, offset = divmod(within, self.block)
            length = min(self.block - offset, end - start - within, last - at)
            found.append(Stretch(epoch * self.blocks_of(lane) + block, offset, offset + length))
            at += length
        return found

    def images(self, lane: int, block: int) -> Int[np.ndarray, "k"]:
        """The images of a block, in the order in which they are taken."""
        epoch, block = divmod(block, self.blocks_of(lane))
        row = self._row(lane, epoch, block * self.block, (block + 1) * self.block)
        shuffled: np.ndarray = row[_shuffled(len(row), self.seed, f"lane {lane} epoch {epoch} block {block}")]
        return shuffled

    def _row(self, lane: int, epoch: int, first: int, last: int) -> Int[np.ndarray, "k"]:
        """A piece of the lane's row of an epoch, which is its chunks in the order of the epoch."""
        start, end = self.bounds(lane)
        chunks = _shuffled(-(-(end - start) // self.chunk), self.seed, f"lane {lane} epoch {epoch}")
        begins = start + chunks * self.chunk
        ends = np.minimum(begins + self.chunk, end)
        places = np.concatenate([[0], np.cumsum(ends - begins)])
        low = int(np.searchsorted(places, first, side="right")) - 1
        high = int(np.searchsorted(places, min(last, end - start), side="left"))
        row = np.concatenate([np.arange(begins[i], ends[i]) for i in range(low, high)])
        piece: np.ndarray = row[first - places[low] :][: last - first]
        return piece

    def chosen(self, n: int) -> Int[np.ndarray, "b"]:
        """The images of update n: what the readers of all lanes give, put together."""
        whole = slice(0, self.each)
        return np.concatenate(
            [
                self.images(lane, at.block)[at.first : at.last]
                for lane in range(self.count)
                for at in self.stretches(lane, n, whole)
            ]
        )

    def parts(self, part: slice) -> list[tuple[int, slice]]:
        """The lanes that a part of every batch lies in, and which of their images it takes."""
        lanes = range(part.start // self.each, -(-part.stop // self.each))
        return [
            (
                lane,
                slice(
                    max(part.start - lane * self.each, 0),
                    min(part.stop - lane * self.each, self.each),
                ),
            )
            for lane in lanes
        ]


def _shuffled(n: int, seed: int, purpose: str) -> Int[np.ndarray, "n"]:
    order: np.ndarray = torch.randperm(n, generator=make_rng(seed, purpose)).numpy()
    return order


def dealt(lanes: Sequence[tuple[int, slice]], readers: int) -> list[list[tuple[int, slice]]]:
    """Lanes dealt to readers, neighbours to the same, as evenly as can be."""
    cuts = [len(lanes) * i // readers for i in range(readers + 1)]
    return [list(lanes[a:b]) for a, b in pairwise(cuts)]
