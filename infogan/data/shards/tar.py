"""The members of a tar that nobody vouches for: only their places are taken down, no name becomes a path.

The standard library parses a header but does not walk here: it takes a damaged header for the end of the
tar, and reads extended headers of any size.
"""

import re
import tarfile
from collections.abc import Iterator
from io import IOBase
from typing import NamedTuple

BLOCK = 512  # bytes of a header, and what members are filled up to
MOST_EXTENDED = 2**16  # bytes of a header that names what a plain one has no room for
EXTENDED = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME)
PASSED_OVER = (tarfile.XGLTYPE, tarfile.GNUTYPE_LONGLINK)


class Member(NamedTuple):
    """A plain file of a tar."""

    name: str
    offset: int  # bytes before it
    size: int  # bytes


def members(file: IOBase, size: int) -> Iterator[Member]:
    """The plain files of a tar in their order; folders, links and devices are passed over.

    Args:
        size: bytes of the tar, beyond which no member may go.

    Raises:
        ValueError: where it is cut short or damaged, or has a sparse member.
    """
    at = 0
    said: dict[str, str] = {}  # of the next member, by extended headers
    while True:
        file.seek(at)
        head = file.read(BLOCK)
        if head == bytes(BLOCK):
            return
        if len(head) < BLOCK:
            raise ValueError("cut short: it has no end")
        try:
            info = tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
        except tarfile.TarError as error:
            raise ValueError(f"damaged at byte {at:,}: {error}") from error
        at += BLOCK
        about_next = info.type in EXTENDED
        name = info.name if about_next else said.get("path", info.name)
        length = info.size if about_next else _whole(said.get("size", str(info.size)))
        has_content = about_next or info.isreg() or info.type in PASSED_OVER or not _is_known(info)
        if has_content and not 0 <= length <= size - at:
            raise ValueError(f"cut short: {name} goes beyond its end")
        if about_next:
            if length > MOST_EXTENDED:
                raise ValueError(f"damaged: a name of {length:,} bytes")
            body = file.read(length)
            is_name = info.type == tarfile.GNUTYPE_LONGNAME
            said |= {"path": _text(body.rstrip(b"\0"))} if is_name else _records(body)
        elif info.type not in PASSED_OVER:
            if info.type == tarfile.GNUTYPE_SPARSE or any(key.startswith("GNU.sparse") for key in said):
                raise ValueError(f"{name} is a sparse file; pack it without --sparse")
            if info.isreg():
                yield Member(name, at, length)
            said = {}
        at += -(-length // BLOCK) * BLOCK if has_content else 0


def stated_size(head: bytes) -> int:
    """The size that a header states, or -1 where it is none; quicker than to parse all of it."""
    found = re.fullmatch(rb"[ \0]*([0-7]+)[ \0]*", head[124:136])
    return int(found[1], 8) if found else -1


def stated_name(head: bytes) -> str:
    """The name in a plain header, of which a long one is cut."""
    return _text(head[:100].partition(b"\0")[0])


def _is_known(info: tarfile.TarInfo) -> bool:
    return info.type in tarfile.SUPPORTED_TYPES


def _records(body: bytes) -> dict[str, str]:
    """The lines of a pax header: LENGTH KEY=VALUE, the length of all of the line."""
    found: dict[str, str] = {}
    while body.strip(b"\0"):
        stated = body.partition(b" ")[0]
        length = _whole(_text(stated))
        key, equals, value = body[len(stated) + 1 : length - 1].partition(b"=")
        if not equals or length > len(body) or body[length - 1 : length] != b"\n":
            raise ValueError("damaged: a pax header that is none")
        found[_text(key)] = _text(value)
        body = body[length:]
    return found


def _whole(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,19}", text):
        raise ValueError(f"damaged: {text[:20]!r} where a size is due")
    return int(text)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
