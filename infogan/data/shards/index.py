"""Where each picture lies in its shard, so that any can be asked for: made once, then memory-mapped.

index.json        every shard's name, bytes, state, images and layout, and the name of the other file
index-HASH.npy    int64 (images, 3): the bytes before a picture, its own, and its label or -1

Both lie beside shards that `infogan data pack` made, else in the user's cache folder, cache/shards/NAME-HASH.
"""

import hashlib
import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, final

import numpy as np
from jaxtyping import Int

from infogan.data.cache import cache_folder
from infogan.data.formats.npy import map_npy
from infogan.data.shards.files import Shard, fetch_beside, is_url
from infogan.data.shards.samples import look_through
from infogan.utils.errors import InfoganError
from infogan.utils.io import make_folder, write_whole
from infogan.utils.limits import BROKEN
from infogan.utils.progress import progress

ABOUT = "index.json"
MOST_ABOUT = 2**28  # bytes of index.json, which are held in memory


@final
@dataclass(frozen=True)
class Listed:
    """A shard in an index."""

    name: str
    size: int  # bytes
    state: str
    images: int
    layout: str  # what its samples have: "cls picture"
    start: int  # its first row


@final
@dataclass(frozen=True)
class Index:
    """Shards, and the file with the rows of them and maybe of others."""

    shards: tuple[Listed, ...]
    rows_at: Path

    def rows(self) -> Int[np.ndarray, "n 3"]:
        """Memory-mapped: the bytes before a picture, its own, and its label or -1."""
        return map_npy(self.rows_at)


def find_index(shards: Sequence[Shard]) -> Index:
    """The index of these shards: the one beside them, or in the cache, where every shard is as it says.

    Raises:
        InfoganError: for a shard that is empty, broken, or laid out unlike the first; where the cache cannot
            be written.
    """
    folder = shards[0].path.rpartition("/")[0]
    slug = re.sub(r"[^A-Za-z0-9]+", "-", Path(folder).name)[:40].strip("-") or "shards"
    key = hashlib.sha256(f"{shards[0].where}: {shards[0].path}".encode(errors="replace")).hexdigest()
    kept = cache_folder() / "shards" / f"{slug}-{key[:12]}"
    if is_url(shards[0].where):
        found = _look(kept, shards) or _fetch(kept, shards)
    else:
        found = _look(Path(folder), shards, by_state=False) or _look(kept, shards)
    if found is None:
        make_index(shards, kept)
        found = _look(kept, shards)
    if found is None:
        raise InfoganError(f"{kept} was changed while shards were looked through; try again.")
    return found


def make_index(shards: Sequence[Shard], folder: Path) -> None:
    """Looks shards through, but for those that the index in the folder has as they are, and writes it anew.

    Raises:
        InfoganError: as `find_index`.
    """
    known, rows_before = _read(folder)
    before = {about.name: about for about in known} if rows_before is not None else {}
    listed: list[Listed] = []
    part = folder / f"index.{os.getpid()}.part"
    try:
        make_folder(folder)
        with part.open("wb") as file:
            _write_head(file, 0)
            for shard in progress(shards, "looking through shards", len(shards)):
                start = listed[-1].start + listed[-1].images if listed else 0
                old = before.get(shard.name)
                if rows_before is not None and old and (old.size, old.state) == (shard.size, shard.state):
                    rows, layout = rows_before[old.start : old.start + old.images], old.layout
                else:
                    rows, layout = look_through(shard)
                listed.append(Listed(shard.name, shard.size, shard.state, len(rows), layout, start))
                _require_one_layout(shards, listed)
                file.write(rows.tobytes())
            file.seek(0)
            _write_head(file, listed[-1].start + listed[-1].images)
            file.flush()
            os.fsync(file.fileno())
        name = f"index-{hashlib.sha256(repr(listed).encode(errors='replace')).hexdigest()[:12]}.npy"
        part.replace(folder / name)
        _write_about(folder, listed, name)
    except OSError as error:
        raise InfoganError(
            f"the index of {shards[0].where} cannot be kept in {folder} ({error.strerror or error}); make "
            "room there."
        ) from error
    finally:
        with suppress(OSError):
            part.unlink()


def _require_one_layout(shards: Sequence[Shard], listed: Sequence[Listed]) -> None:
    first, last = listed[0].layout, listed[-1].layout
    if last != first:
        raise InfoganError(
            f"{shards[len(listed) - 1]} has samples of {last} where {shards[0]} has {first}; name shards of "
            "one layout, or pack them anew."
        )


def _look(folder: Path, shards: Sequence[Shard], by_state: bool = True) -> Index | None:
    """The index in a folder, if all the shards are in it as they are and laid out alike."""
    known, rows = _read(folder)
    by_name = {about.name: about for about in known}
    listed = [by_name[shard.name] for shard in shards if shard.name in by_name]
    if rows is None or len(listed) < len(shards) or len({about.layout for about in listed}) > 1:
        return None
    for shard, about in zip(shards, listed, strict=True):
        if about.size != shard.size or (by_state and about.state != shard.state):
            return None
    return Index(tuple(listed), folder / _read_about(folder / ABOUT)[1])


def _fetch(kept: Path, shards: Sequence[Shard]) -> Index | None:
    """The index that lies beside shards in object storage, put into the cache."""
    states = {shard.name: shard.state for shard in shards}
    fetched = kept / f"fetched.{os.getpid()}.part"
    try:
        make_folder(kept)
        if not fetch_beside(shards[0], ABOUT, fetched):
            return None
        listed, name = _read_about(fetched)
        if not name or not fetch_beside(shards[0], name, fetched):
            return None
        fetched.replace(kept / name)
        known = [Listed(a.name, a.size, states.get(a.name, ""), a.images, a.layout, a.start) for a in listed]
        _write_about(kept, known, name)
    except OSError as error:
        raise InfoganError(
            f"{kept} cannot be written ({error.strerror or error}); make room there."
        ) from error
    finally:
        with suppress(OSError):
            fetched.unlink()
    return _look(kept, shards)


def _read(folder: Path) -> tuple[list[Listed], Int[np.ndarray, "n 3"] | None]:
    """What the index in a folder says, and its rows where they are whole."""
    listed, name = _read_about(folder / ABOUT)
    with suppress(InfoganError):
        rows = map_npy(folder / name)
        if name and rows.dtype == np.int64 and rows.shape == (sum(about.images for about in listed), 3):
            return listed, rows
    return listed, None


def _read_about(path: Path) -> tuple[list[Listed], str]:
    """What an index.json says, and the name of its rows; nothing where it is damaged."""
    with suppress(RecursionError, *BROKEN):
        if path.stat().st_size > MOST_ABOUT:
            return [], ""
        about: Any = json.loads(path.read_bytes())
        listed, start = list[Listed](), 0
        for name, size, state, images, layout in about["shards"]:
            if [type(value) for value in (name, size, state, images, layout)] != [str, int, str, int, str]:
                return [], ""
            listed.append(Listed(name, size, state, max(images, 0), layout, start))
            start = listed[-1].start + listed[-1].images
        if re.fullmatch(r"index-[0-9a-f]{12}\.npy", about["rows"]):
            return listed, about["rows"]
    return [], ""


def _write_about(folder: Path, listed: Sequence[Listed], rows: str) -> None:
    shards = [[about.name, about.size, about.state, about.images, about.layout] for about in listed]
    write_whole(folder / ABOUT, json.dumps({"rows": rows, "shards": shards}).encode())
    for old in folder.glob("index-*.npy"):
        if old.name != rows:
            old.unlink(missing_ok=True)


def _write_head(file: BinaryIO, n: int) -> None:
    """As long for any number of images, so that it can be written again once that is known."""
    head = {"descr": "<i8", "fortran_order": False, "shape": (n, 3)}
    np.lib.format.write_array_header_1_0(file, head)
