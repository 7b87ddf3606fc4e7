"""Writes tar shards: atomically, and with the same bytes each time."""

import json
import os
import re
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, final

from infogan.data.shards.tar import BLOCK, iter_members
from infogan.utils.errors import InfoganError
from infogan.utils.io import fsync_folder

TAR = r"[0-9]{6,}\.tar"


@final
@dataclass(frozen=True)
class ShardLimit:
    """The most that a shard contains: images, or bytes unless a single image has more."""

    images: int | None
    bytes: int | None

    @staticmethod
    def parse(text: str) -> "ShardLimit":
        """A number of images, 5000, or a size, 100MB."""
        found = re.fullmatch(r"([1-9][0-9]{0,8}) ?(MB|GB)?", text)
        if not found:
            raise InfoganError(f"per_shard is {text!r}; choose a number of images or a size, such as 100MB.")
        number, unit = int(found[1]), found[2]
        if not unit:
            return ShardLimit(number, None)
        return ShardLimit(None, number * (10**6 if unit == "MB" else 10**9))


class Sample(NamedTuple):
    """An encoded image, its label, and the name of its file."""

    number: int  # in the collection
    suffix: str
    content: bytes
    label: int | None
    file_name: str | None

    def members(self) -> Iterator[tuple[str, bytes]]:
        yield f"{self.number:09}.{self.suffix}", self.content
        if self.label is not None:
            yield f"{self.number:09}.cls", str(self.label).encode()
        if self.file_name is not None:
            yield f"{self.number:09}.json", json.dumps({"file_name": self.file_name}).encode()


def write_shards(samples: Iterator[Sample], out: Path, first_shard: int, limit: ShardLimit) -> None:
    """Writes shards, numbered from `first_shard` on; each has a temporary name until it is complete."""
    waiting, shard = next(samples, None), first_shard
    while waiting is not None:
        path = out / f"{shard:06}.tar"
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            with part.open("wb") as file:
                n = 0
                while waiting is not None:
                    raw = b"".join(_to_member(name, content) for name, content in waiting.members())
                    is_too_large = limit.bytes is not None and file.tell() + len(raw) > limit.bytes
                    if n == limit.images or (n and is_too_large):
                        break
                    file.write(raw)
                    n, waiting = n + 1, next(samples, None)
                end = 2 * BLOCK  # two blocks of zeros, and padding to a whole record
                file.write(bytes(end + -(file.tell() + end) % tarfile.RECORDSIZE))
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            fsync_folder(out)
        finally:
            with suppress(OSError):
                part.unlink()
        shard += 1


def _to_member(name: str, content: bytes) -> bytes:
    info = tarfile.TarInfo(name)  # without time or owner, so that the bytes are always the same
    info.size = len(content)
    return info.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % BLOCK)


def list_shards(out: Path) -> list[Path]:
    """The shards that `write_shards` wrote to a folder."""
    found = sorted(path for path in out.iterdir() if re.fullmatch(TAR, path.name))
    for i, path in enumerate(found):
        if path.name != f"{i:06}.tar":
            raise InfoganError(f"{out} lacks {i:06}.tar; delete the folder and pack again.")
    return found


def last_sample_number(shard: Path) -> int:
    """The number of the last sample in a shard that `write_shards` wrote."""
    try:
        with shard.open("rb") as file:
            *_, last = iter_members(file, shard.stat().st_size)
        return int(last.name.partition(".")[0])
    except ValueError as error:
        raise InfoganError(f"{shard} is damaged; delete {shard.parent} and pack again.") from error
