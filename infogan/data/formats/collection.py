"""Pictures that are counted but not decoded, and several threads that decode them, in their order."""

import os
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar, final

import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image, UnidentifiedImageError

from infogan.data.formats.unreadable import Unreadable, complain, writable
from infogan.utils.errors import InfoganError, shown
from infogan.utils.limits import BROKEN
from infogan.utils.progress import progress

T = TypeVar("T")

BLOCK = 16  # pictures a thread reads before it reports
MOST_THREADS = 8  # each may hold a picture of 179 million pixels, Pillow's most

Decode = Callable[[Image.Image], UInt8[np.ndarray, "ch h w"]]


@final
@dataclass(frozen=True)
class Item:
    """One picture, not opened yet."""

    name: str
    open: Callable[[], Image.Image]  # reads the head only; raises one of BROKEN


@final
@dataclass(frozen=True)
class ImageCollection:
    """Pictures of one's own, none of them decoded yet."""

    where: str  # the folder, file or data set, as messages call it
    key: str  # the same, as nothing else on this machine is called
    n: int
    items: Callable[[Sequence[int] | None], AbstractContextManager[Iterator[Item]]]
    """All of them in order, or those of ascending indices."""
    fingerprint: Callable[[], str]  # changes where a picture is added, taken away or written anew
    labels: Int[np.ndarray, "n"] | None = None
    named: bool = True  # whether the items' names are of files
    run: int = 1  # how many lie so near to each other that one is read no faster than all

    def spread(self, most: int) -> list[int]:
        """No more than `most` indices, ascending, from all over the pile, in runs of `run`."""
        if self.n <= most:
            return list(range(self.n))
        starts = np.linspace(0, self.n - self.run, max(1, most // self.run)).astype(int)
        return sorted({int(start) + i for start in starts for i in range(min(self.run, most))})


def decoded(
    collection: ImageCollection,
    decode: Callable[[Image.Image], T],
    index: Sequence[int] | None = None,
    doing: str = "",
) -> Generator[tuple[str, T | Unreadable], None, None]:
    """The name of each picture, and what `decode` makes of it, in order; close it where it is left early.

    Few pictures are on their way at any time, so that memory does not grow with their number.

    Args:
        decode: from an open picture, whose pixels are not loaded; a ValueError says why it cannot be used.
        doing: what a line of progress says; none is shown where it is empty.
    """
    threads = min(MOST_THREADS, os.cpu_count() or 1)
    pool = ThreadPoolExecutor(threads)
    waiting: deque[Future[list[tuple[str, T | Unreadable]]]] = deque()
    # Large pictures and odd metadata are no news; what cannot be read is counted.
    with warnings.catch_warnings(), collection.items(index) as items:
        warnings.filterwarnings("ignore", module="PIL")
        try:

            def outcomes() -> Iterator[tuple[str, T | Unreadable]]:
                while block := list(islice(items, BLOCK)):
                    waiting.append(pool.submit(_read_block, block, decode))
                    if len(waiting) > 2 * threads:
                        yield from waiting.popleft().result()
                while waiting:
                    yield from waiting.popleft().result()

            total = collection.n if index is None else len(index)
            yield from progress(outcomes(), doing, total) if doing else outcomes()
        finally:
            pool.shutdown(cancel_futures=True)


def _read_block(block: list[Item], decode: Callable[[Image.Image], T]) -> list[tuple[str, T | Unreadable]]:
    return [(item.name, _read_one(item, decode)) for item in block]


def _read_one(item: Item, decode: Callable[[Image.Image], T]) -> T | Unreadable:
    try:
        with item.open() as picture:
            return decode(picture)
    except UnidentifiedImageError:
        return Unreadable(item.name, "of no format that is known")
    except FileNotFoundError:
        return Unreadable(item.name, "a link that leads nowhere, or gone")
    except Image.DecompressionBombError:
        return Unreadable(item.name, "of too many pixels; shrink it")
    except OSError as error:
        return Unreadable(item.name, error.strerror or str(error))
    except (InfoganError, *BROKEN) as error:
        return Unreadable(item.name, str(error).rstrip(".") or type(error).__name__)


def read(
    collection: ImageCollection, decode: Decode, skip_bad: bool
) -> tuple[UInt8[np.ndarray, "n ch h w"], tuple[str, ...], list[int]]:
    """All pictures in memory, their names, and the indices of those that are broken and left out.

    Args:
        skip_bad: leaves out those that cannot be read, and says on standard error how many.

    Raises:
        InfoganError: where pictures cannot be read, which counts them all; where two differ in shape.
    """
    x = np.empty((0, 0, 0, 0), np.uint8)
    names: list[str] = []
    bad: dict[int, Unreadable] = {}
    with closing(decoded(collection, decode, doing="reading pictures")) as outcomes:
        for i, (name, outcome) in enumerate(outcomes):
            if isinstance(outcome, Unreadable):
                bad[i] = outcome
                continue
            if not names:
                x = np.empty((collection.n, *outcome.shape), np.uint8)
            if outcome.shape != x.shape[1:]:
                raise InfoganError(
                    f"{shown(os.path.join(collection.where, name))} has (channels, height, width) {outcome.shape} "
                    f"where {shown(os.path.join(collection.where, names[0]))} has {x.shape[1:]}; bring them to one "
                    "size and mode."
                )
            x[len(names)] = outcome
            names.append(name)
    complain(collection.where, collection.n, list(bad.values()), skip_bad)
    return x[: len(names)], tuple(map(writable, names)), list(bad)
