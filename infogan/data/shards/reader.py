"""Encoded images in tar shards by index; neighbours are read together."""

import hashlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple, SupportsIndex, final, overload

import numpy as np
from jaxtyping import Int, UInt8

from infogan.data.formats.collection import ImageCollection, LazyImage
from infogan.data.formats.image import open_image
from infogan.data.labels import Labels, to_labels
from infogan.data.shards.files import Shard, find_shards, is_url
from infogan.data.shards.index import ShardIndex, find_index
from infogan.data.shards.tar import BLOCK, TEXT_LABELS, header_name, header_size, is_image_member
from infogan.utils.errors import InfoganError, shown
from infogan.utils.io import wrap_read_errors

MAX_GAP_BYTES = 2**16  # read for nothing, rather than by a second request
MAX_READ_BYTES = 2**22  # of one request, unless a single image is larger
MAX_IMAGE_BYTES = 2**28
N_ADJACENT = 25  # images per run of a sample
N_INSPECTED = 64  # images whose positions enter the fingerprint
INDICES_PER_READ = 1024


class EncodedImage(NamedTuple):
    """An image as its shard stores it."""

    name: str  # of shard and member
    content: bytes


@final
@dataclass(frozen=True)
class Shards:
    """Shards and their index. Cheap to pickle: another process maps the index itself."""

    source: str
    files: tuple[Shard, ...]
    index: ShardIndex

    @cached_property
    def rows(self) -> Int[np.ndarray, "n 3"]:
        return self.index.rows()

    @cached_property
    def first_indices(self) -> Int[np.ndarray, "s"]:
        """The index of each shard's first image."""
        counts = [shard.images for shard in self.index.shards]
        return np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)

    def __reduce__(self) -> tuple[Any, ...]:
        return Shards, (self.source, self.files, self.index)

    def __len__(self) -> int:
        return sum(shard.images for shard in self.index.shards)

    @property
    def bytes_per_image(self) -> int:
        """The mean, with the overhead of the tar."""
        return max(1, sum(shard.size for shard in self.files) // len(self))

    def locate(self, indices: Int[np.ndarray, "k"]) -> tuple[Int[np.ndarray, "k"], Int[np.ndarray, "k 3"]]:
        """The shard number and the row of the index of each image."""
        shard = np.searchsorted(self.first_indices, indices, side="right") - 1
        start = np.array([shard.start for shard in self.index.shards], np.int64)
        return shard, self.rows[start[shard] + indices - self.first_indices[shard]]

    @cached_property
    def labels(self) -> Labels | None:
        """What the .cls members contain, if there are any."""
        shards = self.index.shards
        if not {"cls", TEXT_LABELS} & set(shards[0].layout.split()):
            return None
        ends = [shard.start + shard.images for shard in shards]
        if ends[:-1] == [shard.start for shard in shards[1:]]:  # the usual case, without a copy
            labels = self.rows[shards[0].start : ends[-1], 2]
        else:
            labels = np.concatenate([self.rows[s.start : s.start + s.images, 2] for s in shards])
        return to_labels(labels, self.source, self.index.class_names or None)

    @cached_property
    def names(self) -> "FileNames":
        """The name of the file of each image, or of its member in the tar."""
        return FileNames(self)

    def read(self, indices: Int[np.ndarray, "k"]) -> Iterator[EncodedImage]:
        """The encoded images of ascending indices."""
        shard, rows = self.locate(indices)
        for s in np.unique(shard).tolist():
            file = self.files[s]
            for run in _runs([(offset, size) for offset, size, _ in rows[shard == s].tolist()]):
                if any(o < BLOCK or not 0 <= n <= MAX_IMAGE_BYTES or o + n > file.size for o, n in run):
                    raise self._changed(file)
                low = run[0][0] - BLOCK
                content = file.read_range(low, run[-1][0] + run[-1][1])
                for offset, size in run:
                    header = content[offset - low - BLOCK : offset - low]
                    if header_size(header) != size:
                        raise self._changed(file)
                    name = f"{file.name}/{header_name(header)}"
                    yield EncodedImage(name, content[offset - low : offset - low + size])

    def _changed(self, file: Shard) -> InfoganError:
        path = self.index.rows_path.parent / "index.json"
        return InfoganError(f"{file} has changed since it was indexed; delete {path} and start again.")

    @cached_property
    def collection(self) -> ImageCollection:
        return ImageCollection(
            source=self.source,
            key=self.source if is_url(self.source) else self.files[0].path,
            n=len(self),
            items=lambda indices: nullcontext(self._items(indices)),
            fingerprint=lambda: f"{self.fingerprint} {[file.version for file in self.files]}",
            labels=self.labels,
            n_adjacent=N_ADJACENT,
            left_out=self.left_out,
            file_names=self.names,
        )

    @property
    def left_out(self) -> str:
        """Images beside the image of a sample, as a message says it."""
        others = [word for word in self.index.shards[0].layout.split() if is_image_member(word)]
        return f"each sample has more than one image; {', '.join(others)} is left out" if others else ""

    def report_without_image(self, skip_bad: bool) -> tuple[str, ...]:
        """Says on standard error, and returns, how many samples lack an image.

        Raises:
            InfoganError: if any does, unless `skip_bad` is set.
        """
        lacking = [shard for shard in self.index.shards if shard.without_image > 0]
        if not lacking:
            return ()
        n = sum(shard.without_image for shard in lacking)
        of_all = f"{n:,} of {len(self) + n:,} samples"
        first = f"the first of them {shown(lacking[0].first_without)} in {shown(lacking[0].name)}"
        message = f"{of_all} in {shown(self.source)} have no image, {first}"
        if not skip_bad:
            raise InfoganError(f"{message}; repair them, or set skip_bad to leave them out.")
        print(f"{message}; they are left out.", file=sys.stderr)
        return (f"{of_all} have no image, {first}",)

    def _items(self, indices: Sequence[int] | None) -> Iterator[LazyImage]:
        chosen = range(len(self)) if indices is None else indices
        for i in range(0, len(chosen), INDICES_PER_READ):
            for name, content in self.read(np.array(chosen[i : i + INDICES_PER_READ])):
                yield LazyImage(name, partial(open_image, content))

    @property
    def fingerprint(self) -> str:
        """Changes if images are added or removed, and in most cases if they are altered."""
        digest = hashlib.sha256()
        for shard in self.index.shards:
            digest.update(f"{shard.name}\0{shard.size} {shard.images}\0".encode(errors="replace"))
        n = len(self)
        sample = np.linspace(0, n - 1, min(n, N_INSPECTED)).astype(np.int64)
        digest.update(self.locate(sample)[1].tobytes())
        return f"{n} {digest.hexdigest()[:16]}"


@final
class FileNames(Sequence[str]):
    """Names by index, mapped from the disk when the first is asked for, as there may be millions."""

    def __init__(self, shards: Shards) -> None:
        self.shards = shards

    def __len__(self) -> int:
        return len(self.shards)

    @overload
    def __getitem__(self, i: SupportsIndex) -> str: ...

    @overload
    def __getitem__(self, i: slice) -> list[str]: ...

    def __getitem__(self, i: SupportsIndex | slice) -> str | list[str]:
        if isinstance(i, slice):
            return [self[j] for j in range(*i.indices(len(self)))]
        index = range(len(self))[i]
        shard, _ = self.shards.locate(np.array([index]))
        row = self.shards.index.shards[shard[0]].start + index - int(self.shards.first_indices[shard[0]])
        text, ends = self._lines
        return bytes(text[int(ends[row - 1]) + 1 if row else 0 : int(ends[row])]).decode("utf-8", "replace")

    @cached_property
    def _lines(self) -> tuple[UInt8[np.ndarray, "b"], Int[np.ndarray, "r"]]:
        """The file, and where its lines end."""
        path = self.shards.index.names_path
        with wrap_read_errors(path, "delete it and the files beside it whose names begin with index."):
            text = np.memmap(path, np.uint8, "r")
            ends = np.flatnonzero(text == ord("\n"))
            if len(ends) != len(self.shards.rows):
                raise ValueError(f"{len(ends):,} names of {len(self.shards.rows):,} images")
            return text, ends


def _runs(places: Sequence[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Ascending (offset, size), grouped by what one request reads."""
    run: list[tuple[int, int]] = []
    for offset, size in places:
        if run:
            gap, total = offset - sum(run[-1]), offset + size - run[0][0]
            if not 0 <= gap <= MAX_GAP_BYTES or total > MAX_READ_BYTES:
                yield run
                run = []
        run.append((offset, size))
    if run:
        yield run


def open_shards(source: str) -> Shards:
    """The shards of a name, and their index."""
    files = tuple(find_shards(source))
    return Shards(source, files, find_index(files))
