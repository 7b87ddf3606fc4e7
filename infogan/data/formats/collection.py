"""A collection of encoded images, and their decoding by several threads, in order."""

import os
import sys
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple, TypeVar, final

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from infogan.data.formats.pages import PageCounter
from infogan.data.labels import Labels
from infogan.utils.errors import InfoganError, shown
from infogan.utils.io import DECODE_ERRORS
from infogan.utils.progress import progress

T = TypeVar("T")

IMAGES_PER_TASK = 16
MAX_THREADS = 8  # each may hold an image of 179 million pixels, Pillow's limit
N_NAMED = 3  # unreadable images that a message names

Decode = Callable[[Image.Image], UInt8[np.ndarray, "ch h w"]]


@final
@dataclass(frozen=True)
class Unreadable:
    """An image that cannot be read, and why."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{shown(self.name)} ({shown(self.reason)})"


def report_unreadable(
    source: str, n: int, unreadable: Sequence[Unreadable], skip_bad: bool
) -> tuple[str, ...]:
    """Says on standard error how many of n images are left out; returns that for `Images.left_out`."""
    if not unreadable:
        return ()
    first = ", ".join(map(str, unreadable[:N_NAMED])) + (", ..." if len(unreadable) > N_NAMED else "")
    if n == 1:
        path = shown(os.path.join(source, unreadable[0].name))
        raise InfoganError(f"{path} cannot be read as an image ({shown(unreadable[0].reason)}).")
    if len(unreadable) == n:
        raise InfoganError(f"none of the {n:,} images in {shown(source)} can be read: {first}.")
    message = f"{len(unreadable):,} of {n:,} images in {shown(source)} cannot be read: {first}"
    if not skip_bad:
        raise InfoganError(f"{message}; repair them, or set skip_bad to leave them out.")
    print(f"{message}; they are left out.", file=sys.stderr)
    return (f"{len(unreadable):,} of {n:,} images cannot be read: {first}",)


def describe_unread(n: int, n_read: int) -> tuple[str, ...]:
    """`Images.left_out` if `n_read` of n images were read, and which ones is no longer known."""
    return () if n == n_read else (f"{n - n_read:,} of {n:,} images cannot be read",)


def report_left_out(source: str, left_out: str, n_paged: int = 0) -> tuple[str, ...]:
    """Says on standard error, and returns, what of a source is not read although nothing is wrong with it.

    Args:
        left_out: that of the collection.
        n_paged: images with further pages or frames, of which only the first is read.
    """
    pages = (
        f"{n_paged:,} of the files have more than one page or frame; the first is taken, and the others are "
        "left out unless pages is set"
    )
    found = tuple(said for said in (left_out, pages if n_paged else "") if said)
    for said in found:
        print(f"{shown(source)}: {said}.", file=sys.stderr)
    return found


def escape_surrogates(name: str) -> str:
    """A file name as text that can be encoded as UTF-8, even if its bytes were not UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


@final
@dataclass(frozen=True)
class LazyImage:
    """An image that is not opened yet."""

    name: str
    open: Callable[[], Image.Image]  # reads the header only; raises one of `DECODE_ERRORS`


@final
@dataclass(frozen=True)
class ImageCollection:
    """A sequence of encoded images in a folder, file or data set, decoded on demand."""

    source: str  # the folder, file or data set, as messages name it
    key: str  # the same, but unique on this machine
    n: int
    items: Callable[[Sequence[int] | None], AbstractContextManager[Iterator[LazyImage]]]
    """Opens all images in order, or those of ascending indices."""
    fingerprint: Callable[[], str]  # changes if an image is added, removed or rewritten
    labels: Labels | None = None
    has_file_names: bool = True  # else the names are made up: "row 3"
    n_adjacent: int = 1  # adjacent images that are read as fast as a single one
    file_names: Sequence[str] | None = None  # if messages name the images in another way
    left_out: str = ""  # what the source contains beside these images, as a message says it

    def spread_indices(self, max_n: int) -> list[int]:
        """At most `max_n` ascending indices from all over the collection, in runs of `n_adjacent`."""
        if self.n <= max_n:
            return list(range(self.n))
        starts = np.linspace(0, self.n - self.n_adjacent, max(1, max_n // self.n_adjacent)).astype(int)
        return sorted({int(start) + i for start in starts for i in range(min(self.n_adjacent, max_n))})


def decode_images(
    collection: ImageCollection,
    decode: Callable[[Image.Image], T],
    indices: Sequence[int] | None = None,
    progress_label: str = "",
) -> Generator[tuple[str, T | Unreadable], None, None]:
    """Yields each image's name and `decode(image)`, in order. Close the generator if you leave it early.

    Only a few images are in memory at a time.

    Args:
        decode: takes an opened image whose pixels are not loaded; raises ValueError to reject it.
        progress_label: text beside a progress bar; without it no bar is shown.
    """
    threads = min(MAX_THREADS, os.cpu_count() or 1)
    pool = ThreadPoolExecutor(threads)
    waiting: deque[Future[list[tuple[str, T | Unreadable]]]] = deque()
    with warnings.catch_warnings(), collection.items(indices) as items:
        warnings.filterwarnings("ignore", module="PIL")  # on large images and odd metadata
        try:

            def decode_block(block: list[LazyImage]) -> list[tuple[str, T | Unreadable]]:
                return [(item.name, _decode_one(item, decode)) for item in block]

            def outcomes() -> Iterator[tuple[str, T | Unreadable]]:
                while block := list(islice(items, IMAGES_PER_TASK)):
                    waiting.append(pool.submit(decode_block, block))
                    if len(waiting) > 2 * threads:
                        yield from waiting.popleft().result()
                while waiting:
                    yield from waiting.popleft().result()

            total = collection.n if indices is None else len(indices)
            yield from progress(outcomes(), progress_label, total) if progress_label else outcomes()
        finally:
            pool.shutdown(cancel_futures=True)


def _decode_one(item: LazyImage, decode: Callable[[Image.Image], T]) -> T | Unreadable:
    try:
        with item.open() as image:
            return decode(image)
    except UnidentifiedImageError:
        return Unreadable(item.name, "unknown format")
    except FileNotFoundError:
        return Unreadable(item.name, "missing, or a broken link")
    except Image.DecompressionBombError:
        return Unreadable(item.name, "too many pixels; shrink it")
    except (InfoganError, *DECODE_ERRORS) as error:
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        return Unreadable(item.name, reason or type(error).__name__)


class ReadImages(NamedTuple):
    """The images of a collection that could be read, in memory."""

    x: UInt8[np.ndarray, "n ch h w"]
    names: tuple[str, ...]
    unreadable: list[int]  # indices in the collection
    left_out: tuple[str, ...]  # as `Images.left_out`


def read_images(collection: ImageCollection, decode: Decode, skip_bad: bool) -> ReadImages:
    """Reads all images; `skip_bad` leaves out unreadable ones, which are an InfoganError otherwise."""
    x = np.empty((0, 0, 0, 0), np.uint8)
    names: list[str] = []
    unreadable: dict[int, Unreadable] = {}
    counted = PageCounter(decode)
    with closing(decode_images(collection, counted, progress_label="reading images")) as outcomes:
        for i, (name, outcome) in enumerate(outcomes):
            if isinstance(outcome, Unreadable):
                unreadable[i] = outcome
                continue
            if not names:
                x = np.empty((collection.n, *outcome.shape), np.uint8)
            if outcome.shape != x.shape[1:]:
                this, first = (shown(os.path.join(collection.source, n)) for n in (name, names[0]))
                raise InfoganError(
                    f"{this} has (channels, height, width) {outcome.shape}, but {first} has {x.shape[1:]}; "
                    "bring them to one size and mode."
                )
            x[len(names)] = outcome
            names.append(name)
    bad = report_unreadable(collection.source, collection.n, list(unreadable.values()), skip_bad)
    left_out = bad + report_left_out(collection.source, collection.left_out, counted.n)
    return ReadImages(x[: len(names)], tuple(map(escape_surrogates, names)), list(unreadable), left_out)
