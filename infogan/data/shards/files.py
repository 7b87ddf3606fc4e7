"""Tar shards by name, on local disk or in object storage, and byte ranges of them."""

import gzip
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from io import IOBase
from pathlib import Path, PurePosixPath
from typing import IO, Any, final

from infogan.data.cache import folder_in_cache, written_to_cache
from infogan.utils.errors import InfoganError, one_line, shown
from infogan.utils.limits import require_plausible

PACKED = (".tar.gz", ".tgz")
SUFFIXES = (".tar", *PACKED)
BLOCK_BYTES = 2**22  # of a .tar.gz that is unpacked
MAX_SHARDS = 1_000_000
N_THREADS = 16  # shards looked up at a time, as object storage is slow to answer
READ_AHEAD_BYTES = 2**23
VERSION_KEYS = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "created")


@final
@dataclass(frozen=True)
class Shard:
    """One tar file."""

    source: str  # the name of all shards, as the user gave it
    path: str  # within its file system
    size: int  # bytes
    version: str  # changes if the file is rewritten
    unpacked_from: str = ""  # the .tar.gz that it was unpacked from

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name

    def __str__(self) -> str:
        return shown(self.unpacked_from or self.path)

    def read_range(self, start: int, stop: int) -> bytes:
        """Its bytes from start to stop."""
        try:
            content: bytes = _file_system(self.source)[0].cat_file(self.path, start=start, end=stop)
        except Exception as error:  # of any type: every file system raises its own
            raise InfoganError(f"{self} cannot be read ({one_line(error).rstrip('.')}).") from error
        if len(content) != stop - start:
            raise InfoganError(
                f"{self} returned {len(content):,} bytes instead of {stop - start:,}; it was truncated "
                "meanwhile, or its server does not support range requests."
            )
        return content

    def open(self) -> IOBase:
        """Opens it for reading from beginning to end."""
        file: IOBase = _file_system(self.source)[0].open(self.path, "rb", block_size=READ_AHEAD_BYTES)
        return file


def fetch_sibling(shard: Shard, name: str, to: Path) -> bool:
    """Copies a file from the folder of a shard; returns False if that fails."""
    file_system, _ = _file_system(shard.source)
    try:
        file_system.get_file(f"{shard.path.rpartition('/')[0]}/{name}", str(to))
    except Exception:  # of any type: every file system raises its own
        return False
    return True


def is_url(source: str) -> bool:
    return "://" in source


def find_shards(source: str) -> list[Shard]:
    """The shards of a folder, sorted by name, of a pattern such as {000..127}.tar, or a single one.

    Each may be a .tar.gz, which is unpacked into the cache.
    """
    if not source:
        raise InfoganError("shards: the name is empty; write shards:FOLDER or shards:FOLDER/{000..127}.tar.")
    file_system, path = _file_system(source)
    try:
        is_pattern = "{" in path and (is_url(source) or not os.path.exists(path))
        if is_pattern:
            with ThreadPoolExecutor(N_THREADS) as pool:
                found = list(pool.map(file_system.info, expand_braces(path)))
        elif path.endswith(SUFFIXES):
            found = [file_system.info(path)]
        else:
            found = [entry for entry in file_system.ls(path, detail=True) if entry["name"].endswith(SUFFIXES)]
    except FileNotFoundError as error:
        named = [value for value in (error.filename, *error.args) if isinstance(value, str) and "/" in value]
        raise InfoganError(f"shards: there is no {shown((named or [path])[0])}.") from error
    except InfoganError:
        raise
    except Exception as error:  # of any type: every file system raises its own
        raise InfoganError(f"{shown(source)} cannot be listed ({one_line(error).rstrip('.')}).") from error
    if not found:
        raise InfoganError(f"{shown(source)} contains no .tar; infogan data pack IMAGES FOLDER makes shards.")
    if any(entry.get("size") is None for entry in found):
        raise InfoganError(f"{shown(source)} does not tell the size of its shards, so no range can be read.")
    if not is_pattern:
        found.sort(key=lambda entry: entry["name"])
    versions = [next((str(entry[key]) for key in VERSION_KEYS if entry.get(key)), "") for entry in found]
    shards = [Shard(source, e["name"], int(e["size"]), v) for e, v in zip(found, versions, strict=True)]
    return [_unpacked(shard) if shard.name.endswith(PACKED) else shard for shard in shards]


def _unpacked(shard: Shard) -> Shard:
    """A .tar.gz as a .tar in the cache, as only that can be read from any place; unpacked once."""
    key = f"{shard.source}: {shard.path}, {shard.size}, {shard.version}"
    name = shard.name.removesuffix(".gz").removesuffix(".tgz").removesuffix(".tar")
    path = folder_in_cache("unpacked", name, "shard", key.encode(errors="replace")) / f"{name}.tar"
    if not path.exists():
        with written_to_cache(path) as part, shard.open() as packed, part.open("wb") as file:
            _unpack(shard, packed, file)
    found = path.stat()
    return Shard(str(path), str(path), found.st_size, str(found.st_mtime), shard.path)


def _unpack(shard: Shard, packed: IOBase, file: IO[bytes]) -> None:
    n = 0
    with gzip.GzipFile(fileobj=packed) as opened:
        while True:
            try:
                block = opened.read(BLOCK_BYTES)
            except Exception as error:  # of any type: every file system raises its own
                reason = one_line(error).rstrip(".")
                raise InfoganError(f"{shard} cannot be unpacked ({reason}); replace it.") from error
            if not block:
                return
            n += len(block)
            require_plausible(str(shard), n, shard.size)
            file.write(block)


def expand_braces(text: str) -> list[str]:
    """Brace expansion as in a shell: {08..11} and {a,b}, also several of them."""
    found = re.search(r"\{(?:(\d+)\.\.(\d+)|([^{}]*,[^{}]*))\}", text)
    if not found:
        return [text]
    first, last, listed = found.groups()
    if first and int(last) - int(first) >= MAX_SHARDS:
        raise InfoganError(f"shards: {shown(found[0])} names more than {MAX_SHARDS:,} shards.")
    names = [f"{i:0{len(first)}}" for i in range(int(first), int(last) + 1)] if first else listed.split(",")
    rest = expand_braces(text[found.end() :])
    if len(names) * len(rest) > MAX_SHARDS:
        raise InfoganError(f"shards: {shown(text)} names more than {MAX_SHARDS:,} shards.")
    return [text[: found.start()] + name + end for name in names for end in rest]


def _file_system(source: str) -> tuple[Any, str]:
    """The fsspec file system of a source, and the path within it."""
    if not is_url(source):
        import fsspec

        return fsspec.filesystem("file"), str(Path(source).absolute())
    return _remote_file_system(source, os.getpid())  # by process, as some have a thread that a fork loses


@lru_cache(maxsize=16)
def _remote_file_system(source: str, _: int) -> tuple[Any, str]:
    import fsspec

    try:
        file_system, path = fsspec.core.url_to_fs(source)
    except (ImportError, ValueError) as error:  # which say what to install, or that the protocol is unknown
        raise InfoganError(f"{shown(source)} cannot be opened ({one_line(error).rstrip('.')}).") from error
    except Exception as error:  # of any type: every file system raises its own
        raise InfoganError(f"{shown(source)} cannot be reached ({one_line(error).rstrip('.')}).") from error
    return file_system, path
