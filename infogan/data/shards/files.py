"""Tar files by name, on this machine or in object storage, and parts of them."""

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from io import IOBase
from pathlib import Path, PurePosixPath
from typing import Any, final

from infogan.utils.errors import InfoganError, one_line, shown

MOST = 1_000_000  # shards that a pattern may name
ASKED = 16  # shards asked for at a time, as object storage takes its time to answer
AHEAD = 2**23  # bytes that are read at once where a shard is read from beginning to end
STATES = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "created")


@final
@dataclass(frozen=True)
class Shard:
    """One tar file."""

    where: str  # what is read from: the name of all shards, as given
    path: str  # as the file system calls it
    size: int  # bytes
    state: str  # changes where it is written anew

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name

    def __str__(self) -> str:
        return shown(self.path)

    def part(self, start: int, end: int) -> bytes:
        """Its bytes from start to end.

        Raises:
            InfoganError: where they cannot be had.
        """
        try:
            content: bytes = _open(self.where)[0].cat_file(self.path, start=start, end=end)
        except Exception as error:  # of any kind: every file system raises what it likes
            raise InfoganError(f"{self} cannot be read ({one_line(error).rstrip('.')}).") from error
        if len(content) != end - start:
            raise InfoganError(
                f"{self} gave {len(content):,} bytes where {end - start:,} were asked for; it was cut "
                "meanwhile, or its server gives no parts of files."
            )
        return content

    def open(self) -> IOBase:
        """All of it, to be read from beginning to end."""
        file: IOBase = _open(self.where)[0].open(self.path, "rb", block_size=AHEAD)
        return file


def fetch_beside(shard: Shard, name: str, to: Path) -> bool:
    """Copies a file that lies beside a shard; False where there is none to be had."""
    files, _ = _open(shard.where)
    try:
        files.get_file(f"{shard.path.rpartition('/')[0]}/{name}", str(to))
    except Exception:  # of any kind: every file system raises what it likes
        return False
    return True


def is_url(what: str) -> bool:
    return "://" in what


def find_shards(what: str) -> list[Shard]:
    """The shards of a folder, in the order of their names, of a pattern such as {000..127}.tar, or one.

    Raises:
        InfoganError: where there are none, or nobody can be asked.
    """
    if not what:
        raise InfoganError("shards: names nothing; write shards:FOLDER, or shards:FOLDER/{000..127}.tar.")
    files, path = _open(what)
    try:
        patterned = "{" in path and not (not is_url(what) and os.path.exists(path))
        if patterned:
            with ThreadPoolExecutor(ASKED) as pool:
                found = list(pool.map(files.info, expand(path)))
        elif path.endswith(".tar"):
            found = [files.info(path)]
        else:
            found = [entry for entry in files.ls(path, detail=True) if entry["name"].endswith(".tar")]
    except FileNotFoundError as error:
        raise InfoganError(f"shards: there is no {shown(_missing(error, path))}.") from error
    except InfoganError:
        raise
    except Exception as error:  # of any kind: every file system raises what it likes
        raise InfoganError(f"{shown(what)} cannot be looked into ({one_line(error).rstrip('.')}).") from error
    if not found:
        raise InfoganError(f"{shown(what)} holds no .tar; infogan data pack IMAGES FOLDER makes shards.")
    if any(entry.get("size") is None for entry in found):
        raise InfoganError(f"{shown(what)} does not say how large its shards are, so no part can be read.")
    shards = [Shard(what, entry["name"], int(entry["size"]), _state(entry)) for entry in found]
    return shards if patterned else sorted(shards, key=lambda shard: shard.path)


def expand(text: str) -> list[str]:
    """What braces stand for, as in a shell: {08..11} and {a,b}, several of them if need be.

    Raises:
        InfoganError: for more than a million names.
    """
    found = re.search(r"\{(?:(\d+)\.\.(\d+)|([^{}]*,[^{}]*))\}", text)
    if not found:
        return [text]
    first, last, listed = found.groups()
    if first and int(last) - int(first) >= MOST:
        raise InfoganError(f"shards: {shown(found[0])} names more than {MOST:,} shards.")
    names = [f"{i:0{len(first)}}" for i in range(int(first), int(last) + 1)] if first else listed.split(",")
    rest = expand(text[found.end() :])
    if len(names) * len(rest) > MOST:
        raise InfoganError(f"shards: {shown(text)} names more than {MOST:,} shards.")
    return [text[: found.start()] + name + end for name in names for end in rest]


def _open(what: str) -> tuple[Any, str]:
    """The file system of a name, and the name as it calls it."""
    if not is_url(what):
        import fsspec

        return fsspec.filesystem("file"), str(Path(what).absolute())
    return _opened(what, os.getpid())  # as those with a thread of their own do not outlive a fork


@lru_cache(maxsize=16)
def _opened(what: str, _: int) -> tuple[Any, str]:
    import fsspec

    try:
        files, path = fsspec.core.url_to_fs(what)
    except (ImportError, ValueError) as error:  # which say what to install, or that no such kind is known
        raise InfoganError(f"{shown(what)} cannot be opened ({one_line(error).rstrip('.')}).") from error
    except Exception as error:  # of any kind: every file system raises what it likes
        raise InfoganError(f"{shown(what)} cannot be reached ({one_line(error).rstrip('.')}).") from error
    return files, path


def _missing(error: FileNotFoundError, path: str) -> str:
    named: Sequence[Any] = [value for value in (error.filename, *error.args) if isinstance(value, str)]
    return next((name for name in named if "/" in name), path)


def _state(entry: dict[str, Any]) -> str:
    return next((str(entry[key]) for key in STATES if entry.get(key)), "")
