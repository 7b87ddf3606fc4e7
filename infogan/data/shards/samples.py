"""The samples of a shard, as in WebDataset: neighbours that share their name up to the first dot."""

import re
from collections.abc import Iterator
from io import IOBase

import numpy as np
from jaxtyping import Int

from infogan.data.shards.files import Shard
from infogan.data.shards.tar import Member, iter_members
from infogan.utils.errors import InfoganError, one_line

IMAGE_SUFFIXES = ("png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff", "gif")
MAX_LABEL_BYTES = 30


def scan_shard(shard: Shard) -> tuple[Int[np.ndarray, "n 3"], str]:
    """The offset, size and label (or -1) of each image, and the layout of the samples: "cls picture".

    Raises:
        InfoganError: if the shard is empty or damaged, or a sample has no image or several.
    """
    rows: list[tuple[int, int, int]] = []
    layout: set[str] = set()
    try:
        with shard.open() as file:
            for key, sample in _samples(file, shard.size):
                images = [suffix for suffix in sample if suffix.rpartition(".")[2] in IMAGE_SUFFIXES]
                if len(images) != 1:
                    count = "several images" if images else "no image"
                    raise ValueError(f"{key} has {count}, but {', '.join(sample)}")
                member = sample[images[0]]
                rows.append((member.offset, member.size, _label(file, sample.get("cls"))))
                layout |= {"picture" if suffix in images else suffix for suffix in sample}
    except InfoganError:
        raise
    except Exception as error:  # of any type: every file system raises its own
        reason = one_line(error).rstrip(".")
        raise InfoganError(f"{shard} cannot be read as a shard ({reason}); replace it.") from error
    if not rows:
        raise InfoganError(f"{shard} is empty: it contains no image ({', '.join(IMAGE_SUFFIXES)}).")
    return np.array(rows, np.int64), " ".join(sorted(layout))


def _samples(file: IOBase, size: int) -> Iterator[tuple[str, dict[str, Member]]]:
    """Keys, and members by suffix; skips hidden files, files without suffix and __such__ names."""
    key, sample = "", dict[str, Member]()
    for member in iter_members(file, size):
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
    text = file.read(min(member.size, MAX_LABEL_BYTES)).strip()
    if member.size > MAX_LABEL_BYTES or not re.fullmatch(rb"-?[0-9]{1,18}", text):
        raise ValueError(f"{member.name} contains no integer")
    return int(text)
