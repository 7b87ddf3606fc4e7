"""Tar shards written whole: under another name until they are, and to the same bytes each time."""

import os
import re
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, final

from infogan.data.shards.tar import BLOCK, members
from infogan.utils.errors import InfoganError
from infogan.utils.io import flush_folder

TAR = r"[0-9]{6,}\.tar"


@final
@dataclass(frozen=True)
class PerShard:
    """Where a shard ends: after so many pictures, or before it has more than so many bytes."""

    pictures: int | None
    bytes: int | None

    @staticmethod
    def parse(text: str) -> "PerShard":
        """5000 pictures, or 100MB.

        Raises:
            InfoganError: for something else.
        """
        found = re.fullmatch(r"([1-9][0-9]{0,8}) ?(MB|GB)?", text)
        if not found:
            raise InfoganError(f"--per-shard is {text!r}; give a number of pictures, or a size: 100MB.")
        number, unit = int(found[1]), found[2]
        return PerShard(None, number * (10**6 if unit == "MB" else 10**9)) if unit else PerShard(number, None)

    def is_full(self, pictures: int, size: int) -> bool:
        """Whether so many pictures, of so many bytes with the next one, are too many for one more."""
        return pictures == self.pictures or (self.bytes is not None and pictures > 0 and size > self.bytes)


class Sample(NamedTuple):
    """A picture on its way into a shard."""

    number: int  # in the pile
    suffix: str
    content: bytes
    label: int | None

    def members(self) -> Iterator[tuple[str, bytes]]:
        yield f"{self.number:09}.{self.suffix}", self.content
        if self.label is not None:
            yield f"{self.number:09}.cls", str(self.label).encode()


def write_shards(samples: Iterator[Sample], out: Path, shard: int, per_shard: PerShard) -> None:
    """Shards from that number on, each under another name until it is whole."""
    waiting = next(samples, None)
    while waiting is not None:
        path = out / f"{shard:06}.tar"
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            with part.open("wb") as file:
                n = 0
                while waiting is not None:
                    raw = b"".join(_member(name, content) for name, content in waiting.members())
                    if per_shard.is_full(n, file.tell() + len(raw)):
                        break
                    file.write(raw)
                    n, waiting = n + 1, next(samples, None)
                end = 2 * BLOCK  # of nothing, filled up to what tapes write at once
                file.write(bytes(end + -(file.tell() + end) % tarfile.RECORDSIZE))
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            flush_folder(out)
        finally:
            with suppress(OSError):
                part.unlink()
        shard += 1


def _member(name: str, content: bytes) -> bytes:
    info = tarfile.TarInfo(name)  # of the year 1970, and nobody's
    info.size = len(content)
    return info.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % BLOCK)


def shards_of(out: Path) -> list[Path]:
    """The shards in a folder of ours.

    Raises:
        InfoganError: where one between them lacks.
    """
    found = sorted(path for path in out.iterdir() if re.fullmatch(TAR, path.name))
    for i, path in enumerate(found):
        if path.name != f"{i:06}.tar":
            raise InfoganError(f"{out} lacks {i:06}.tar; delete the folder and pack anew.")
    return found


def last_number(shard: Path) -> int:
    """Of the last picture of a shard of ours.

    Raises:
        InfoganError: where the shard is damaged.
    """
    try:
        with shard.open("rb") as file:
            *_, last = members(file, shard.stat().st_size)
        return int(last.name.partition(".")[0])
    except ValueError as error:
        raise InfoganError(f"{shard} is damaged; delete {shard.parent} and pack anew.") from error
