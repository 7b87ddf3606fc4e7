"""The samples of a tar shard, as in WebDataset: neighbours that share their name up to the first dot.

The tar is not trusted: only offsets of members are recorded, and no name becomes a path. The standard library
parses single headers, but does not iterate here: it takes a damaged header for the end of the tar, applies
global headers to members, and in Python 3.11 needs ten seconds for an extended header of 64 kB.
"""

import json
import re
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from io import IOBase
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from infogan.data.formats.image import SUFFIXES
from infogan.data.labels import NO_CLASS
from infogan.data.shards.files import Shard
from infogan.utils.errors import InfoganError, one_line

BLOCK = 512  # bytes of a header; members are padded to a multiple
MAX_EXTENDED_BYTES = 2**16  # of a header for long names and sizes
EXTENDED = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME)
SKIPPED = (tarfile.XGLTYPE, tarfile.GNUTYPE_LONGLINK)
IMAGE_SUFFIXES = tuple(suffix.removeprefix(".") for suffix in SUFFIXES)
IMAGE_NAMES = ("image", "img", "picture", "photo", "input", "rgb")  # KEY.image.png beside KEY.mask.png
MAX_LABEL_BYTES = 200
TEXT_LABELS = "text-cls"  # in a layout, for labels that are names
MAX_JSON_BYTES = 2**16


class Member(NamedTuple):
    """A regular file in a tar."""

    name: str
    offset: int
    size: int  # bytes


class ShardScan(NamedTuple):
    """What a shard contains."""

    rows: Int[np.ndarray, "n 3"]  # the offset, size and label (or -1) of each image
    names: list[str]  # of the file of each image
    layout: str  # the members of a sample: "cls picture"
    without_image: int  # samples that lack one
    first_without: str  # the key of the first of them


def scan_shard(shard: Shard, class_numbers: dict[str, int]) -> ShardScan:
    """Finds the images in a shard.

    If the labels are text, `class_numbers` gives their numbers, and new classes are added to it.
    """
    places: list[tuple[int, int]] = []
    labels: list[str] = []
    names: list[str] = []
    layout: set[str] = set()
    without: list[str] = []
    try:
        with shard.open() as file:
            for key, sample in _samples(file, shard.size):
                image = _image_suffix(key, sample)
                if image is None:
                    without.append(key)
                    continue
                member = sample[image]
                places.append((member.offset, member.size))
                labels.append(_label(file, sample.get("cls")))
                names.append(_file_name(file, sample.get("json")) or member.name)
                layout |= {"picture" if suffix == image else suffix for suffix in sample}
    except InfoganError:
        raise
    except Exception as error:  # of any type: every file system raises its own
        reason = one_line(error).rstrip(".")
        raise InfoganError(f"{shard} cannot be read as a shard ({reason}); replace it.") from error
    if not places:
        raise InfoganError(f"{shard} is empty: it contains no image ({', '.join(IMAGE_SUFFIXES[:8])}, ...).")
    numbers, is_text = _label_numbers(labels, class_numbers)
    layout = {TEXT_LABELS if part == "cls" and is_text else part for part in layout}
    rows = [(*place, number) for place, number in zip(places, numbers, strict=True)]
    first = without[0] if without else ""
    return ShardScan(np.array(rows, np.int64), names, " ".join(sorted(layout)), len(without), first)


def _label_numbers(labels: list[str], class_numbers: dict[str, int]) -> tuple[list[int], bool]:
    """The number of each label, -1 without one, and whether the labels are text."""
    numbers = ["-1" if label in NO_CLASS else label for label in labels]
    if all(re.fullmatch(r"-?[0-9]{1,18}", number) for number in numbers):
        return [int(number) for number in numbers], False
    for name in sorted({label for label in labels if label not in NO_CLASS}):
        class_numbers.setdefault(name, len(class_numbers))
    return [class_numbers.get(label, -1) for label in labels], True


def _image_suffix(key: str, sample: dict[str, Member]) -> str | None:
    """Which member of a sample is its image: of several the one without a second suffix, or called image."""
    images = [suffix for suffix in sample if suffix.rpartition(".")[2] in IMAGE_SUFFIXES]
    for chosen in (
        images,
        [suffix for suffix in images if "." not in suffix],
        [suffix for suffix in images if suffix.partition(".")[0] in IMAGE_NAMES],
    ):
        if len(chosen) == 1:
            return chosen[0]
    if images:
        raise ValueError(f"{key} has several images, but {', '.join(sample)}")
    return None


def is_image_member(suffix: str) -> bool:
    """Whether a word of a layout is a further image, such as mask.png."""
    return suffix.rpartition(".")[2] in IMAGE_SUFFIXES


def _file_name(file: IOBase, member: Member | None) -> str:
    """The `file_name` in the JSON of a sample, which `infogan data pack` and COCO write; "" without one."""
    if member is None or member.size > MAX_JSON_BYTES:
        return ""
    file.seek(member.offset)
    with suppress(ValueError, RecursionError):
        found = json.loads(file.read(member.size))
        if isinstance(found, dict) and isinstance(found.get("file_name"), str):
            return str(found["file_name"])
    return ""


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


def _label(file: IOBase, member: Member | None) -> str:
    """What a .cls contains: a number or the name of a class; empty if there is none."""
    if member is None:
        return ""
    if member.size > MAX_LABEL_BYTES:
        raise ValueError(f"{member.name} has {member.size:,} bytes, which is no label")
    file.seek(member.offset)
    content: bytes = file.read(member.size)
    return content.decode("utf-8", "replace").strip()


def iter_members(file: IOBase, size: int) -> Iterator[Member]:
    """The regular files of a tar of `size` bytes, in order; folders, links and devices are skipped.

    A damaged or truncated tar, or a sparse member, raises a ValueError.
    """
    at = 0
    extended: dict[str, str] = {}  # fields of the next member
    while True:
        file.seek(at)
        header = file.read(BLOCK)
        if header == bytes(BLOCK):
            return
        if len(header) < BLOCK:
            raise ValueError("truncated: it has no end")
        try:
            info = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        except tarfile.TarError as error:
            raise ValueError(f"damaged at byte {at:,}: {error}") from error
        at += BLOCK
        is_extended = info.type in EXTENDED
        name = info.name if is_extended else extended.get("path", info.name)
        length = info.size if is_extended else _parse_size(extended.get("size", str(info.size)))
        is_unknown = info.type not in tarfile.SUPPORTED_TYPES
        has_content = is_extended or info.isreg() or info.type in SKIPPED or is_unknown
        if has_content and not 0 <= length <= size - at:
            raise ValueError(f"truncated: {name} goes beyond its end")
        if is_extended:
            if length > MAX_EXTENDED_BYTES:
                raise ValueError(f"damaged: a name of {length:,} bytes")
            body = file.read(length)
            is_name = info.type == tarfile.GNUTYPE_LONGNAME
            extended |= {"path": _decode(body.rstrip(b"\0"))} if is_name else _parse_pax(body)
        elif info.type not in SKIPPED:
            if info.type == tarfile.GNUTYPE_SPARSE or any(key.startswith("GNU.sparse") for key in extended):
                raise ValueError(f"{name} is a sparse file; pack it without --sparse")
            if info.isreg():
                yield Member(name, at, length)
            extended = {}
        at += -(-length // BLOCK) * BLOCK if has_content else 0


def header_size(header: bytes) -> int:
    """The file size in a header, or -1 if it is malformed; faster than to parse the whole header."""
    found = re.fullmatch(rb"[ \0]*([0-7]+)[ \0]*", header[124:136])
    return int(found[1], 8) if found else -1


def header_name(header: bytes) -> str:
    """The file name in a plain header, which truncates long names."""
    return _decode(header[:100].partition(b"\0")[0])


def _parse_pax(body: bytes) -> dict[str, str]:
    """The lines of a pax header, LENGTH KEY=VALUE, where the length is that of the whole line."""
    found: dict[str, str] = {}
    while body.strip(b"\0"):
        prefix = body.partition(b" ")[0]
        length = _parse_size(_decode(prefix))
        key, equals, value = body[len(prefix) + 1 : length - 1].partition(b"=")
        if not equals or length > len(body) or body[length - 1 : length] != b"\n":
            raise ValueError("damaged: a malformed pax header")
        found[_decode(key)] = _decode(value)
        body = body[length:]
    return found


def _parse_size(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,19}", text):
        raise ValueError(f"damaged: {text[:20]!r} instead of a size")
    return int(text)


def _decode(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
