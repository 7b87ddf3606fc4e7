"""Batches of sharded images, read and decoded ahead by other processes in the order of `ShardOrder`."""

import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from infogan.data.images import PixelArray
from infogan.data.loading.batches import BatchSource, EpochSampler, ShuffledBatches
from infogan.data.loading.shard_order import SegmentSlices, ShardOrder, split_evenly
from infogan.data.shards.images import ShardedPixels
from infogan.data.shards.reader import EncodedImage
from infogan.utils.environment import cores
from infogan.utils.errors import InfoganError, one_line

PREFETCH_FACTOR = 4  # parts of batches that each worker has ready
N_THREADS = 8  # blocks that each worker reads at a time


def make_batch_source(
    pixels: PixelArray, batch_size: int, seed: int, part: slice, device: torch.device, processes: int = 1
) -> BatchSource:
    """The batches of a training.

    Args:
        part: what this process takes of every batch.
        processes: training processes on this machine, which share its cores.
    """
    if not isinstance(pixels, ShardedPixels):
        sampler = EpochSampler(len(pixels), batch_size, seed, device)
        return ShuffledBatches(pixels.to(device), sampler, part)
    order = ShardOrder(len(pixels), pixels.shards.bytes_per_image, batch_size, seed)
    slices = order.segment_slices(part)
    workers = min(len(slices), max(1, cores() // processes - 1))
    return ShardBatches(pixels, order, split_evenly(slices, workers), device)


@final
class ShardBatches(BatchSource):
    """Batches of sharded images. The first batch starts the worker processes; `close` ends them.

    `workers` lists what each of them reads.
    """

    def __init__(
        self, pixels: ShardedPixels, order: ShardOrder, workers: Sequence[SegmentSlices], device: torch.device
    ) -> None:
        self.pixels, self.order, self.workers, self.device = pixels, order, workers, device
        self.next_step = 0
        self.parts: Iterator[Tensor | str] | None = None

    def batch(self, step: int) -> UInt8[Tensor, "b ch h w"]:
        if self.parts is None or step != self.next_step:
            self.close()
            self.parts, self.next_step = self._start(step), step
        parts: list[Tensor] = []
        for _ in self.workers:
            try:
                part = next(self.parts)
            except (RuntimeError, OSError, EOFError) as error:
                part = f"a process that reads images died ({one_line(error)})."
            if isinstance(part, str):
                self.close()
                raise InfoganError(part)
            parts.append(part.to(self.device, non_blocking=True))
        self.next_step += 1
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def indices(self, step: int) -> Int[Tensor, "b"]:
        segments = [segment for worker in self.workers for segment in worker]
        return torch.from_numpy(self.order.indices(step, segments)).to(self.device)

    def close(self) -> None:
        self.parts = None  # the last reference, so the workers end

    def _start(self, step: int) -> Iterator[Tensor | str]:
        handler = signal.getsignal(signal.SIGCHLD)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "This DataLoader will create")  # more workers than cores
            warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
            parts = iter(
                DataLoader(
                    _BatchParts(self.pixels.to(torch.device("cpu")), self.order, self.workers, step),
                    batch_size=None,
                    collate_fn=_identity,
                    num_workers=len(self.workers),
                    prefetch_factor=PREFETCH_FACTOR,
                    pin_memory=self.device.type == "cuda",
                    worker_init_fn=_ignore_signals,
                    # Unlike spawn, fork needs no `if __name__ == "__main__"`; it is safe only on Linux.
                    multiprocessing_context="fork" if sys.platform == "linux" else "spawn",
                    generator=torch.Generator(),
                )
            )
        if threading.current_thread() is threading.main_thread():
            # torch's handler raises from anywhere in the program; `batch` reports a dead worker instead.
            signal.signal(signal.SIGCHLD, handler)
        return parts


def _identity(part: Any) -> Any:
    return part


def _ignore_signals(_: int) -> None:
    """Makes a worker ignore signals, except a SIGTERM from the training process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_exit_on_sigterm_from, args=(os.getppid(),), daemon=True).start()
    warnings.filterwarnings("ignore", module="PIL")  # on large images and odd metadata


def _exit_on_sigterm_from(pid: int) -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != pid:
        pass
    os._exit(0)


@final
class _BatchParts(IterableDataset[Tensor | str]):
    """In each worker, its part of every batch from `step` on; the message of the error that ends it."""

    def __init__(
        self, pixels: ShardedPixels, order: ShardOrder, workers: Sequence[SegmentSlices], step: int
    ) -> None:
        self.pixels, self.order, self.workers, self.step = pixels, order, workers, step

    def __iter__(self) -> Iterator[Tensor | str]:
        worker = get_worker_info()
        assert worker is not None
        readers = [_SegmentReader(self.pixels, self.order, *of) for of in self.workers[worker.id]]
        step = self.step
        with ThreadPoolExecutor(N_THREADS) as pool:
            while True:
                try:
                    for reader in readers:
                        reader.prefetch(step, pool)
                    images = [x for reader in readers for x in reader.take(step)]
                except InfoganError as error:
                    yield str(error)
                    return
                yield torch.from_numpy(np.stack(images))
                step += 1


@final
class _SegmentReader:
    """A segment in a worker: the current block, and the next one while it is read."""

    def __init__(self, pixels: ShardedPixels, order: ShardOrder, segment: int, part: slice) -> None:
        self.pixels, self.order, self.segment, self.part = pixels, order, segment, part
        self.blocks: dict[int, Future[list[EncodedImage | None]]] = {}

    def prefetch(self, step: int, pool: ThreadPoolExecutor) -> None:
        """Starts to read the blocks of a step and the block after them; drops earlier ones."""
        wanted = {found.block for found in self.order.block_slices(self.segment, step, self.part)}
        wanted.add(max(wanted) + 1)
        for block in self.blocks.keys() - wanted:
            del self.blocks[block]
        for block in sorted(wanted - self.blocks.keys()):
            self.blocks[block] = pool.submit(self._read, block)

    def take(self, step: int) -> Iterator[UInt8[np.ndarray, "ch h w"]]:
        """Decodes the images of a step and drops their encoded bytes."""
        for found in self.order.block_slices(self.segment, step, self.part):
            block = self.blocks[found.block].result()
            for i in range(found.start, found.stop):
                encoded, block[i] = block[i], None
                assert encoded is not None
                yield self.pixels.decode_one(encoded)

    def _read(self, block: int) -> list[EncodedImage | None]:
        """A block's images in training order, read in the order in which they are stored."""
        images = self.order.block_indices(self.segment, block)
        places = np.argsort(images)
        found: list[EncodedImage | None] = [None] * len(images)
        for place, encoded in zip(places.tolist(), self.pixels.shards.read(images[places]), strict=True):
            found[place] = encoded
        return found
