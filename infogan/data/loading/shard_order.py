"""Which images of shards are in each batch: an order that depends on the seed and the step only.

The images, in the order of the shards, are cut into segments of equal length, and every batch takes the same
number from each segment. In every epoch a segment's chunks (runs of neighbours that are read at once) are
permuted, their concatenation is cut into blocks, and each block is shuffled. So a reader of a segment holds
about one block in memory, and may start at any step.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar, final

import numpy as np
import torch
from jaxtyping import Int

from infogan.utils.rng import make_rng

T = TypeVar("T")
SegmentSlices = Sequence[tuple[int, slice]]  # segments, and which of their images of each batch

MAX_BLOCK_IMAGES = 1024
MAX_BLOCK_BYTES = 2**22
MIN_CHUNKS_PER_BLOCK = 8
MAX_CHUNK_BYTES = 2**18
# More segments mix better, fewer are read in longer runs: 16, or for large batches one per 32 images.
N_SEGMENTS, MAX_SEGMENTS = 16, 64
IMAGES_PER_SEGMENT = 32


class BlockSlice(NamedTuple):
    """Images that follow each other in a block of a segment: `block[start:stop]`."""

    block: int  # counted from the start of the training
    start: int
    stop: int


@final
class ShardOrder:
    """The order of n images in batches; `bytes_per_image` is the mean size of an encoded image."""

    def __init__(self, n: int, bytes_per_image: int, batch_size: int, seed: int) -> None:
        self.n, self.batch_size, self.seed = n, batch_size, seed
        max_segments = min(MAX_SEGMENTS, max(N_SEGMENTS, batch_size // IMAGES_PER_SEGMENT))
        self.n_segments = next(k for k in range(max_segments, 0, -1) if batch_size % k == 0)
        self.per_segment = batch_size // self.n_segments  # images of a batch
        max_block = min(MAX_BLOCK_IMAGES, MAX_BLOCK_BYTES // bytes_per_image)
        self.block_size = max(1, min(max_block, n // self.n_segments))
        max_chunk = MAX_CHUNK_BYTES // bytes_per_image
        self.chunk_size = max(1, min(max_chunk, self.block_size // MIN_CHUNKS_PER_BLOCK))

    def bounds(self, segment: int) -> tuple[int, int]:
        """The segment's images as (start, stop); segments differ by at most one image."""
        return segment * self.n // self.n_segments, (segment + 1) * self.n // self.n_segments

    def n_blocks(self, segment: int) -> int:
        """How many blocks the segment has; the last one may be shorter."""
        start, stop = self.bounds(segment)
        return -(-(stop - start) // self.block_size)

    def block_slices(self, segment: int, step: int, part: slice) -> list[BlockSlice]:
        """Where to find `part` of the images that a step takes from a segment."""
        start, stop = self.bounds(segment)
        at, end = step * self.per_segment + part.start, step * self.per_segment + part.stop
        found: list[BlockSlice] = []
        while at < end:
            epoch, within = divmod(at, stop - start)
            block, offset = divmod(within, self.block_size)
            length = min(self.block_size - offset, stop - start - within, end - at)
            found.append(BlockSlice(epoch * self.n_blocks(segment) + block, offset, offset + length))
            at += length
        return found

    def block_indices(self, segment: int, block: int) -> Int[np.ndarray, "k"]:
        """The images of a block, in training order."""
        epoch, block = divmod(block, self.n_blocks(segment))
        images = self._permuted_chunks(segment, epoch, block * self.block_size, (block + 1) * self.block_size)
        # "lane" is an older word for segment; the purpose seeds the random numbers and must not change.
        order = _permutation(len(images), self.seed, f"lane {segment} epoch {epoch} block {block}")
        shuffled: np.ndarray = images[order]
        return shuffled

    def _permuted_chunks(self, segment: int, epoch: int, first: int, last: int) -> Int[np.ndarray, "k"]:
        """Images `first` to `last` of a segment whose chunks are permuted for the epoch."""
        start, stop = self.bounds(segment)
        n_chunks = -(-(stop - start) // self.chunk_size)
        starts = start + _permutation(n_chunks, self.seed, f"lane {segment} epoch {epoch}") * self.chunk_size
        stops = np.minimum(starts + self.chunk_size, stop)
        offsets = np.concatenate([[0], np.cumsum(stops - starts)])
        low = int(np.searchsorted(offsets, first, side="right")) - 1
        high = int(np.searchsorted(offsets, min(last, stop - start), side="left"))
        images = np.concatenate([np.arange(starts[i], stops[i]) for i in range(low, high)])
        wanted: np.ndarray = images[first - offsets[low] :][: last - first]
        return wanted

    def indices(self, step: int, segments: SegmentSlices | None = None) -> Int[np.ndarray, "b"]:
        """The images of a step, counted from 0: all, or those in these slices of segments."""
        return np.concatenate(
            [
                self.block_indices(segment, found.block)[found.start : found.stop]
                for segment, part in segments or self.segment_slices(slice(0, self.batch_size))
                for found in self.block_slices(segment, step, part)
            ]
        )

    def segment_slices(self, part: slice) -> SegmentSlices:
        """The segments that contain `part` of every batch, and which of their images belong to it."""
        n = self.per_segment
        return [
            (segment, slice(max(part.start - segment * n, 0), min(part.stop - segment * n, n)))
            for segment in range(part.start // n, -(-part.stop // n))
        ]


def _permutation(n: int, seed: int, purpose: str) -> Int[np.ndarray, "n"]:
    order: np.ndarray = torch.randperm(n, generator=make_rng(seed, purpose)).numpy()
    return order


def split_evenly(items: Sequence[T], n: int) -> list[list[T]]:
    """Cuts a sequence into n runs whose lengths differ by at most one."""
    cuts = [len(items) * i // n for i in range(n + 1)]
    return [list(items[a:b]) for a, b in pairwise(cuts)]
