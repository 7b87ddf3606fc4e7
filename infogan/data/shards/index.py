"""Where each image lies in its shard, for random access: scanned once, then memory-mapped.

index.json        every shard's name, bytes, version, images, layout, and samples without an image; the names
                  of the classes, if their labels are text; HASH
index-HASH.npy    int64 (images, 3): the offset of an image, its size in bytes, and its label or -1
index-HASH.txt    the name of the file of each image, in a line, as UTF-8

They lie beside shards made by `infogan data pack`, else in the user's cache folder, cache/shards/NAME-HASH.
"""

import hashlib
import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
from jaxtyping import Int

from infogan.data.cache import folder_in_cache
from infogan.data.formats.collection import escape_surrogates
from infogan.data.formats.npy import map_npy, write_npy_header
from infogan.data.shards.files import Shard, fetch_sibling, is_url
from infogan.data.shards.tar import scan_shard
from infogan.utils.errors import InfoganError
from infogan.utils.io import DECODE_ERRORS, make_folder, wrap_write_errors, write_atomic
from infogan.utils.progress import progress

INDEX_NAME = "index.json"
N_STORED = 7  # fields of a shard in index.json
MAX_INDEX_BYTES = 2**28  # of index.json, which is read into memory


class IndexedShard(NamedTuple):
    """A shard in an index."""

    name: str
    size: int  # bytes
    version: str
    images: int
    layout: str  # the members of a sample: "cls picture"
    without_image: int  # samples that lack one
    first_without: str  # the key of the first of them
    start: int = 0  # its first row; not in index.json


@final
@dataclass(frozen=True)
class ShardIndex:
    """Shards, and the file that contains their rows and maybe those of other shards."""

    shards: tuple[IndexedShard, ...]
    rows_path: Path
    class_names: tuple[str, ...] = ()  # of the labels 0, 1, ...; empty if the labels are numbers

    def rows(self) -> Int[np.ndarray, "n 3"]:
        """Offset, size and label of each image; memory-mapped."""
        return map_npy(self.rows_path)

    @property
    def names_path(self) -> Path:
        """The names of the files, in the same order."""
        return self.rows_path.with_suffix(".txt")


def find_index(shards: Sequence[Shard]) -> ShardIndex:
    """The index of these shards: from their folder or the cache if it is up to date, else a new one."""
    folder = shards[0].path.rpartition("/")[0]
    key = f"{shards[0].source}: {shards[0].path}".encode(errors="replace")
    cached = folder_in_cache("shards", Path(folder).name, "shards", key)
    if is_url(shards[0].source):
        found = _read_index(cached, shards) or _fetch_index(cached, shards)
    else:
        found = _read_index(Path(folder), shards, check_version=False) or _read_index(cached, shards)
    if found is None:
        write_index(shards, cached)
        found = _read_index(cached, shards)
    if found is None:
        raise InfoganError(f"{cached} was changed while shards were scanned; try again.")
    return found


def write_index(shards: Sequence[Shard], folder: Path, class_names: Sequence[str] = ()) -> None:
    """Writes an index; scans only shards that the index in the folder lacks or that have changed since.

    `class_names` are those of labels that the shards contain as numbers.
    """
    known, known_rows = _read(folder)
    class_numbers = {name: i for i, name in enumerate(class_names or _read_json(folder / INDEX_NAME)[2])}
    known_names: list[bytes] = []
    if known_rows is not None:
        names_path = folder / Path(_read_json(folder / INDEX_NAME)[1]).with_suffix(".txt")
        known_names = names_path.read_bytes().splitlines(keepends=True)
    is_whole = known_rows is not None and len(known_names) == len(known_rows)
    reusable = {(s.name, s.size, s.version): s for s in known} if is_whole else {}
    indexed: list[IndexedShard] = []
    start = 0
    part, names_part = (folder / f"index.{os.getpid()}.{kind}" for kind in ("part", "names"))
    with wrap_write_errors(folder, f"the index of {shards[0].source} is kept there; make room."):
        try:
            make_folder(folder)
            with part.open("wb") as file, names_part.open("wb") as names_file:
                write_npy_header(file, "<i8", (0, 3))
                for shard in progress(shards, "scanning shards", len(shards)):
                    old = reusable.get((shard.name, shard.size, shard.version))
                    if old is not None and known_rows is not None:
                        found, rows = (
                            old._replace(start=start),
                            known_rows[old.start : old.start + old.images],
                        )
                        names = known_names[old.start : old.start + old.images]
                    else:
                        scan = scan_shard(shard, class_numbers)
                        rows, names = scan.rows, [_to_line(name) for name in scan.names]
                        found = IndexedShard(
                            *(shard.name, shard.size, shard.version, len(rows), scan.layout),
                            *(scan.without_image, scan.first_without, start),
                        )
                    indexed.append(found)
                    start += len(rows)
                    if found.layout != indexed[0].layout:
                        raise InfoganError(
                            f"{shard} has samples of {found.layout}, but {shards[0]} has "
                            f"{indexed[0].layout}; choose shards of one layout, or pack them again."
                        )
                    file.write(rows.tobytes())
                    names_file.writelines(names)
                file.seek(0)
                write_npy_header(file, "<i8", (start, 3))
                for written in (file, names_file):
                    written.flush()
                    os.fsync(written.fileno())
            digest = hashlib.sha256(json.dumps([s[:N_STORED] for s in indexed]).encode()).hexdigest()
            name = f"index-{digest[:12]}.npy"
            names_part.replace((folder / name).with_suffix(".txt"))
            part.replace(folder / name)
            _write_json(folder, indexed, name, list(class_numbers))
        finally:
            for left in (part, names_part):
                left.unlink(missing_ok=True)


def _to_line(name: str) -> bytes:
    return escape_surrogates(name).replace("\n", "\\n").replace("\r", "\\r").encode() + b"\n"


def _read_index(folder: Path, shards: Sequence[Shard], check_version: bool = True) -> ShardIndex | None:
    """The index in a folder, if it contains all the shards, unchanged and of one layout."""
    known, rows = _read(folder)
    by_name = {shard.name: shard for shard in known}
    indexed = [by_name[shard.name] for shard in shards if shard.name in by_name]
    if rows is None or len(indexed) < len(shards) or len({shard.layout for shard in indexed}) > 1:
        return None
    pairs = list(zip(shards, indexed, strict=True))
    if any(a.size != b.size or (check_version and a.version != b.version) for a, b in pairs):
        return None
    _, rows_name, class_names = _read_json(folder / INDEX_NAME)
    return ShardIndex(tuple(indexed), folder / rows_name, tuple(class_names))


def _fetch_index(cached: Path, shards: Sequence[Shard]) -> ShardIndex | None:
    """Copies the index beside shards in object storage to the cache."""
    versions = {shard.name: shard.version for shard in shards}
    fetched = cached / f"fetched.{os.getpid()}.part"
    with wrap_write_errors(cached, "make room there."):
        try:
            make_folder(cached)
            if not fetch_sibling(shards[0], INDEX_NAME, fetched):
                return None
            indexed, name, class_names = _read_json(fetched)
            for file in (name.replace(".npy", ".txt"), name):
                if not name or not fetch_sibling(shards[0], file, fetched):
                    return None
                fetched.replace(cached / file)
            indexed = [s._replace(version=versions.get(s.name, "")) for s in indexed]
            _write_json(cached, indexed, name, class_names)
        finally:
            with suppress(OSError):
                fetched.unlink()
    return _read_index(cached, shards)


def _read(folder: Path) -> tuple[list[IndexedShard], Int[np.ndarray, "n 3"] | None]:
    """The shards of the index in a folder, and its rows if they are complete."""
    indexed, name, _ = _read_json(folder / INDEX_NAME)
    with suppress(InfoganError):
        rows = map_npy(folder / name)
        has_names = name and (folder / name).with_suffix(".txt").is_file()
        if has_names and rows.dtype == np.int64 and rows.shape == (sum(s.images for s in indexed), 3):
            return indexed, rows
    return indexed, None


def _read_json(path: Path) -> tuple[list[IndexedShard], str, list[str]]:
    """The shards, the name of the rows and the classes in an index.json; empty if missing or damaged."""
    with suppress(RecursionError, *DECODE_ERRORS):
        if path.stat().st_size > MAX_INDEX_BYTES:
            return [], "", []
        content: Any = json.loads(path.read_bytes())
        indexed, start = list[IndexedShard](), 0
        for row in content["shards"]:
            if [type(value) for value in row] != [str, int, str, int, str, int, str]:
                return [], "", []
            found = IndexedShard._make([*row, start])
            indexed.append(found._replace(images=max(found.images, 0)))
            start += indexed[-1].images
        class_names = content.get("classes", [])
        if any(type(name) is not str for name in class_names):
            return [], "", []
        if re.fullmatch(r"index-[0-9a-f]{12}\.npy", content["rows"]):
            return indexed, content["rows"], class_names
    return [], "", []


def _write_json(folder: Path, indexed: Sequence[IndexedShard], rows: str, class_names: Sequence[str]) -> None:
    content = {"rows": rows, "shards": [s[:N_STORED] for s in indexed], "classes": list(class_names)}
    write_atomic(folder / INDEX_NAME, json.dumps(content).encode())
    for old in folder.glob("index-*"):
        if old.stem != Path(rows).stem:
            old.unlink(missing_ok=True)
