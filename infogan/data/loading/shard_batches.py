"""Images of shards for a training, read and decoded ahead by other processes, in the order of `Lanes`."""

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
from infogan.data.loading.batches import Epochs, Feed, Shuffled
from infogan.data.loading.shard_order import Lanes, Stretch, dealt
from infogan.data.shards.images import ShardedPixels
from infogan.data.shards.reader import Encoded
from infogan.utils.environment import cores
from infogan.utils.errors import InfoganError, one_line

AHEAD = 4  # parts of batches that a reader has ready
ASKED = 8  # blocks that a reader asks for at a time

Share = Sequence[tuple[int, slice]]  # lanes, and which of their images of a batch


def make_feed(
    pixels: PixelArray, batch: int, seed: int, part: slice, device: torch.device, processes: int = 1
) -> Feed:
    """What supplies a training with these images.

    Args:
        part: of every batch, what this process takes.
        processes: of this training on this machine, which share its cores.
    """
    if not isinstance(pixels, ShardedPixels):
        return Shuffled(pixels.to(device), Epochs(len(pixels), batch, seed, device), part)
    lanes = Lanes(len(pixels), pixels.shards.bytes_each, batch, seed)
    shares = lanes.parts(part)
    readers = min(len(shares), max(1, cores() // processes - 1))
    return ReadAhead(pixels, lanes, dealt(shares, readers), device)


@final
class ReadAhead(Feed):
    """Batches of shards; the processes that read them start with the first and end with `close`."""

    def __init__(
        self, pixels: ShardedPixels, lanes: Lanes, shares: Sequence[Share], device: torch.device
    ) -> None:
        self.pixels, self.lanes, self.shares, self.device = pixels, lanes, shares, device
        self.next = 0
        self.readers: Iterator[Tensor | str] | None = None

    def batch(self, n: int) -> UInt8[Tensor, "b ch h w"]:
        """
        Raises:
            InfoganError: where a picture or a shard cannot be read, or a reader was lost.
        """
        if self.readers is None or n != self.next:
            self.close()
            self.readers, self.next = self._start(n), n
        parts: list[Tensor] = []
        try:
            for _ in self.shares:
                got = next(self.readers)
                if isinstance(got, str):
                    raise InfoganError(got)
                parts.append(got.to(self.device, non_blocking=True))
        except InfoganError:
            self.close()
            raise
        except (RuntimeError, OSError, EOFError) as error:
            self.close()
            raise InfoganError(f"a process that reads images was lost ({one_line(error)}).") from error
        self.next += 1
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def indices(self, n: int) -> Int[Tensor, "b"]:
        parts = [
            self.lanes.images(lane, at.block)[at.first : at.last]
            for share in self.shares
            for lane, part in share
            for at in self.lanes.stretches(lane, n, part)
        ]
        return torch.from_numpy(np.concatenate(parts)).to(self.device)

    def close(self) -> None:
        self.readers = None  # which ends them, as nothing else holds it

    def _start(self, n: int) -> Iterator[Tensor | str]:
        before = signal.getsignal(signal.SIGCHLD)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "This DataLoader will create")  # more than it sees cores for
            warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
            started = iter(
                DataLoader(
                    _Readings(self.pixels.to(torch.device("cpu")), self.lanes, self.shares, n),
                    batch_size=None,
                    collate_fn=_as_it_is,
                    num_workers=len(self.shares),
                    prefetch_factor=AHEAD,
                    pin_memory=self.device.type == "cuda",
                    worker_init_fn=_settle,
                    # A fork asks nothing of the program that trains; elsewhere it is not safe.
                    multiprocessing_context="fork" if sys.platform == "linux" else "spawn",
                    generator=torch.Generator(),
                )
            )
        if threading.current_thread() is threading.main_thread():
            # torch's own handler would raise in the middle of anything; a lost reader is told by `batch`.
            signal.signal(signal.SIGCHLD, before)
        return started


def _as_it_is(part: Any) -> Any:
    return part


def _settle(_: int) -> None:
    """Leaves signals to the training, but for a SIGTERM that the training itself sends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_when_told, args=(os.getppid(),), daemon=True).start()
    warnings.filterwarnings("ignore", module="PIL")  # large pictures and odd metadata are no news


def _end_when_told(training: int) -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != training:
        pass
    os._exit(0)


@final
class _Readings(IterableDataset[Tensor | str]):
    """In each reader, its part of every batch from update n on; a sentence where one cannot be had."""

    def __init__(self, pixels: ShardedPixels, lanes: Lanes, shares: Sequence[Share], n: int) -> None:
        self.pixels, self.lanes, self.shares, self.n = pixels, lanes, shares, n

    def __iter__(self) -> Iterator[Tensor | str]:
        me = get_worker_info()
        assert me is not None
        readers = [_Lane(self.pixels, self.lanes, lane, part) for lane, part in self.shares[me.id]]
        n = self.n
        with ThreadPoolExecutor(ASKED) as pool:
            while True:
                try:
                    for reader in readers:
                        reader.ask(n, pool)
                    parts = [x for reader in readers for x in reader.take(n)]
                except InfoganError as error:
                    yield str(error)
                    return
                yield torch.from_numpy(np.stack(parts))
                n += 1


@final
class _Lane:
    """A lane as a reader holds it: the block that it is in, and the next one on its way."""

    def __init__(self, pixels: ShardedPixels, lanes: Lanes, lane: int, part: slice) -> None:
        self.pixels, self.lanes, self.lane, self.part = pixels, lanes, lane, part
        self.blocks: dict[int, Future[list[Encoded | None]]] = {}

    def _stretches(self, n: int) -> list[Stretch]:
        return self.lanes.stretches(self.lane, n, self.part)

    def ask(self, n: int, pool: ThreadPoolExecutor) -> None:
        """Has the blocks of update n, and the one after them, on their way, and lets go of those before."""
        wanted = {at.block for at in self._stretches(n)}
        wanted.add(max(wanted) + 1)
        for block in self.blocks.keys() - wanted:
            del self.blocks[block]
        for block in sorted(wanted - self.blocks.keys()):
            self.blocks[block] = pool.submit(self._read, block)

    def take(self, n: int) -> Iterator[UInt8[np.ndarray, "ch h w"]]:
        """The lane's images of update n, decoded, and held no longer."""
        for at in self._stretches(n):
            block = self.blocks[at.block].result()
            for i in range(at.first, at.last):
                encoded, block[i] = block[i], None
                assert encoded is not None
                yield self.pixels.one(encoded)

    def _read(self, block: int) -> list[Encoded | None]:
        """A block's pictures in the order in which they are taken, read in the order in which they lie."""
        images = self.lanes.images(self.lane, block)
        places = np.argsort(images)
        found: list[Encoded | None] = [None] * len(images)
        for place, encoded in zip(places.tolist(), self.pixels.shards.read(images[places]), strict=True):
            found[place] = encoded
        return found
