"""The samples of a shard, as WebDataset lays them out: neighbours that share the name up to a dot."""

import re
from collections.abc import Iterator
from io import IOBase

import numpy as np
from jaxtyping import Int

from infogan.data.shards.files import Shard
from infogan.data.shards.tar import Member, members
from infogan.utils.errors import InfoganError, one_line

PICTURES = ("png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff", "gif")
MOST_LABEL = 30  # bytes of a .cls


def look_through(shard: Shard) -> tuple[Int[np.ndarray, "n 3"], str]:
    """Where the pictures lie: a row each of the bytes before it, its own bytes, and its label or -1.

    Beside them the layout, which says what samples have: "cls picture".

    Raises:
        InfoganError: where the shard is empty or broken, or a sample has no picture or several.
    """
    rows: list[tuple[int, int, int]] = []
    layout: set[str] = set()
    try:
        with shard.open() as file:
            for key, sample in _samples(file, shard.size):
                pictures = [suffix for suffix in sample if suffix.rpartition(".")[2] in PICTURES]
                if len(pictures) != 1:
                    has = "several pictures" if pictures else "no picture"
                    raise ValueError(f"{key} has {has}, but {', '.join(sample)}")
                member = sample[pictures[0]]
                rows.append((member.offset, member.size, _label(file, sample.get("cls"))))
                layout |= {"picture" if suffix in pictures else suffix for suffix in sample}
    except InfoganError:
        raise
    except Exception as error:  # of any kind: every file system raises what it likes
        said = one_line(error).rstrip(".")
        raise InfoganError(f"{shard} cannot be read as a shard ({said}); fetch or pack it anew.") from error
    if not rows:
        raise InfoganError(f"{shard} is empty: it holds no picture ({', '.join(PICTURES)}).")
    return np.array(rows, np.int64), " ".join(sorted(layout))


def _samples(file: IOBase, size: int) -> Iterator[tuple[str, dict[str, Member]]]:
    """Key, and members by suffix; hidden files, those without suffix and __such__ ones are passed over."""
    key, sample = "", dict[str, Member]()
    for member in members(file, size):
        name = re.fullmatch(r"((?:.*/)?[^./][^./]*)\.([^/]*)", member.name, re.DOTALL)
        if not name or re.fullmatch(r"__.*__", name[1]):
            continue
        if name[1] != key and sample:
            yield key, sample
            sample = {}
        key, suffix = name[1], name[2].lower()
        if suffix in sample:
            raise ValueError(f"{member.name} is there twice")
        sample[suffix] = member
    if sample:
        yield key, sample


def _label(file: IOBase, member: Member | None) -> int:
    if member is None:
        return -1
    file.seek(member.offset)
    text = file.read(min(member.size, MOST_LABEL)).strip()
    if member.size > MOST_LABEL or not re.fullmatch(rb"-?[0-9]{1,18}", text):
        raise ValueError(f"{member.name} holds no whole number")
    return int(text)
