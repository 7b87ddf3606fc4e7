"""Pictures in tar shards by index, not decoded: of neighbours many are read at once."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cached_property, partial
from typing import Any, NamedTuple, final

import numpy as np
from jaxtyping import Int

from infogan.data.formats.collection import ImageCollection, Item
from infogan.data.formats.image import open_picture
from infogan.data.shards.files import Shard, find_shards, is_url
from infogan.data.shards.index import Index, find_index
from infogan.data.shards.tar import BLOCK, stated_name, stated_size
from infogan.utils.errors import InfoganError

GAP = 2**16  # bytes that are read for nothing rather than asking twice
AT_ONCE = 2**22  # bytes that are read at once, but for a single picture that has more
LARGEST = 2**28  # bytes of a picture
RUN = 25  # pictures next to each other, where some are looked at from all over the shards
LOOKED_AT = 64  # pictures that stand for all, in a mark


class Encoded(NamedTuple):
    """A picture as it lies in its shard."""

    name: str  # of shard and member
    content: bytes


@final
@dataclass(frozen=True)
class Shards:
    """Shards and their index; it travels to other processes, which map the index themselves."""

    where: str
    files: tuple[Shard, ...]
    index: Index

    @cached_property
    def rows(self) -> Int[np.ndarray, "n 3"]:
        return self.index.rows()

    @cached_property
    def first(self) -> Int[np.ndarray, "s"]:
        """The number of each shard's first picture."""
        counts = [listed.images for listed in self.index.shards]
        return np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: self.__dict__[field.name] for field in fields(self)}

    def __len__(self) -> int:
        return sum(listed.images for listed in self.index.shards)

    @property
    def bytes_each(self) -> int:
        """The mean bytes of a picture, with what a tar puts around it."""
        return max(1, sum(shard.size for shard in self.files) // len(self))

    def rows_of(self, index: Int[np.ndarray, "k"]) -> tuple[Int[np.ndarray, "k"], Int[np.ndarray, "k 3"]]:
        """The shard and the row of each picture."""
        shard = np.searchsorted(self.first, index, side="right") - 1
        start = np.array([listed.start for listed in self.index.shards], np.int64)
        return shard, self.rows[start[shard] + index - self.first[shard]]

    @cached_property
    def labels(self) -> Int[np.ndarray, "n"] | None:
        """Those of the members .cls, where all samples have one that is not below 0."""
        listed = self.index.shards
        if "cls" not in listed[0].layout.split():
            return None
        ends = [about.start + about.images for about in listed]
        if ends[:-1] == [about.start for about in listed[1:]]:  # as nearly always; nothing is copied
            labels = self.rows[listed[0].start : ends[-1], 2]
        else:
            labels = np.concatenate([self.rows[a.start : a.start + a.images, 2] for a in listed])
        return None if (labels < 0).any() else labels

    def read(self, index: Int[np.ndarray, "k"]) -> Iterator[Encoded]:
        """The pictures of ascending indices, not decoded; neighbours are read together.

        Raises:
            InfoganError: where a shard cannot be read, or is not as it was when it was indexed.
        """
        shard, rows = self.rows_of(index)
        for s in np.unique(shard).tolist():
            file = self.files[s]
            for run in _runs([(offset, size) for offset, size, _ in rows[shard == s].tolist()]):
                if any(o < BLOCK or not 0 <= n <= LARGEST or o + n > file.size for o, n in run):
                    raise self._changed(file)
                low = run[0][0] - BLOCK
                content = file.part(low, run[-1][0] + run[-1][1])
                for offset, size in run:
                    head = content[offset - low - BLOCK : offset - low]
                    if stated_size(head) != size:
                        raise self._changed(file)
                    yield Encoded(
                        f"{file.name}/{stated_name(head)}", content[offset - low : offset - low + size]
                    )

    def _changed(self, file: Shard) -> InfoganError:
        return InfoganError(
            f"{file} is not as it was when it was indexed; delete {self.index.rows_at.parent / 'index.json'} "
            "and start again."
        )

    @cached_property
    def collection(self) -> ImageCollection:
        """The same pictures for what looks into piles."""

        @contextmanager
        def items(index: Sequence[int] | None) -> Iterator[Iterator[Item]]:
            chosen = range(len(self)) if index is None else index
            blocks = (np.array(chosen[i : i + 1024]) for i in range(0, len(chosen), 1024))
            yield (Item(e.name, partial(open_picture, e.content)) for b in blocks for e in self.read(b))

        return ImageCollection(
            where=self.where,
            key=self.where if is_url(self.where) else self.files[0].path,
            n=len(self),
            items=items,
            fingerprint=lambda: f"{self.mark} {[file.state for file in self.files]}",
            labels=self.labels,
            run=RUN,
        )

    @property
    def mark(self) -> str:
        """Changes where images are added or taken away, and in most cases where they are altered."""
        known = hashlib.sha256()
        for listed in self.index.shards:
            known.update(f"{listed.name}\0{listed.size} {listed.images}\0".encode(errors="replace"))
        n = len(self)
        some = np.linspace(0, n - 1, min(n, LOOKED_AT)).astype(np.int64)
        known.update(self.rows_of(some)[1].tobytes())
        return f"{n} {known.hexdigest()[:16]}"


def _runs(places: Sequence[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Ascending places that lie so near to each other that they are read at once."""
    run: list[tuple[int, int]] = []
    for offset, size in places:
        near = run and 0 <= offset - sum(run[-1]) <= GAP and offset + size - run[0][0] <= AT_ONCE
        if run and not near:
            yield run
            run = []
        run.append((offset, size))
    if run:
        yield run


def open_shards(what: str) -> Shards:
    """The shards of a name, and their index.

    Raises:
        InfoganError: where there are none, or one is empty, broken, or laid out unlike the first.
    """
    files = tuple(find_shards(what))
    return Shards(what, files, find_index(files))
