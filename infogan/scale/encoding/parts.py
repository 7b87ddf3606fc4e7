"""A folder that is filled part by part: each is made of nothing but its number, and is there whole or not.

OUT/_about.json           what the parts are made of, and how many rows they have; written first
   /part-00000.parquet    the first of them, and so on
   /_lock                 held by the process that fills the folder
What reads a folder of Parquet passes over names that begin with an underscore.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from infogan.utils.errors import InfoganError, shown
from infogan.utils.io import fsync_folder, make_folder, wrap_write_errors, write_atomic

ABOUT, LOCK = "_about.json", "_lock"
OURS = "_*.part"  # what is being written

About = dict[str, Any]


@final
@dataclass(frozen=True)
class Plan:
    """A folder of parts, and what they are made of."""

    folder: Path
    about: About

    def __len__(self) -> int:
        """How many parts there are when all is done."""
        return -(-self.images // self.rows)

    @property
    def images(self) -> int:
        return int(self.about["images"])

    @property
    def rows(self) -> int:
        return int(self.about["rows_a_part"])

    def path(self, part: int) -> Path:
        return self.folder / f"part-{part:05d}.parquet"

    def index(self, part: int) -> range:
        """The numbers of the images of a part."""
        return range(part * self.rows, min(self.images, (part + 1) * self.rows))

    def is_whole(self, part: int) -> bool:
        """Whether a part is there, to its last row."""
        with suppress(OSError, pa.ArrowException, ValueError), pq.ParquetFile(self.path(part)) as file:
            found = file.schema_arrow.metadata or {}
            return file.metadata.num_rows == len(self.index(part)) and found == self._stamp(part)
        return False

    def missing(self) -> list[int]:
        """The parts that are still to be written; all, where there is no folder yet.

        Raises:
            InfoganError: where the folder holds anything else, or parts that are made of anything else.
        """
        begun = look(self.folder)
        if begun is None:
            return list(range(len(self)))
        self._require_same(begun)
        names = {self.path(part).name for part in range(len(self))}
        for path in _visible(self.folder):
            if path.name not in names:
                raise _foreign(path)
        return [part for part in range(len(self)) if not self.is_whole(part)]

    @contextmanager
    def claimed(self) -> Iterator[list[int]]:
        """Keeps other processes from encoding into the folder, which it makes; gives the missing parts.

        Raises:
            InfoganError: where another does, or nothing can be written there; and as `missing`.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self.folder / LOCK)
        with wrap_write_errors(self.folder):
            make_folder(self.folder)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                raise InfoganError(
                    f"another process is encoding into {self.folder}; wait until it ends, or name another "
                    "folder by --out."
                ) from None
        try:
            missing = self.missing()
            with wrap_write_errors(self.folder):
                for left in self.folder.glob(OURS):
                    left.unlink()
                if not (self.folder / ABOUT).exists():
                    write_atomic(self.folder / ABOUT, _dump(self.about))
            yield missing
        finally:
            lock.release()

    def write(self, part: int, table: pa.Table) -> None:
        """Leaves a part there whole, or nothing. Several may write the same at once: it is the same.

        Raises:
            InfoganError: where it cannot be written.
        """
        path = self.path(part)
        unfinished = path.with_name(f"_{path.name}.{uuid4().hex}.part")
        with wrap_write_errors(self.folder):
            try:
                with unfinished.open("wb") as file:
                    pq.write_table(table.replace_schema_metadata(self._stamp(part)), file)
                    file.flush()
                    os.fsync(file.fileno())
                unfinished.replace(path)
                fsync_folder(self.folder)
            finally:
                unfinished.unlink(missing_ok=True)

    def _stamp(self, part: int) -> dict[bytes, bytes]:
        """What a part says of itself, so that none stands for another."""
        made_of = {key: self.about[key] for key in ("checkpoint", "mark")}
        return {b"infogan": json.dumps({"part": part, **made_of}, sort_keys=True).encode()}

    def _require_same(self, begun: About) -> None:
        now, folder = self.about, self.folder
        if begun.get("version") != now["version"]:
            made_by = begun.get("version")
            raise InfoganError(
                f"{folder} was begun by infogan {made_by}, and this is {now['version']}, which may encode "
                "otherwise; go on by that version, or name another folder by --out."
            )
        if begun.get("checkpoint") != now["checkpoint"]:
            raise InfoganError(
                f"{folder} was begun with another run or checkpoint, of update {begun.get('update')}, and "
                f"this one is of update {now['update']}; name another folder by --out."
            )
        # Not by the source's name: a folder that was moved holds the same images.
        if any(begun.get(key) != now[key] for key in ("mark", "columns", "rows_a_part")):
            raise InfoganError(
                f"{folder} was begun with other images, those of {begun.get('source')}, and these are of "
                f"{now['source']} as it is now; name another folder by --out."
            )


def look(folder: Path) -> About | None:
    """What the encoding in a folder is of; None where there is none yet, and room for one.

    Raises:
        InfoganError: where there is something else.
    """
    if folder.exists() and not folder.is_dir():
        raise InfoganError(f"{folder} is a file, and no folder of parts; name another by --out.")
    about = folder / ABOUT
    if not about.is_file():
        for path in _visible(folder):
            raise _foreign(path)
        return None
    try:
        found = json.loads(about.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InfoganError(f"{about} cannot be read; name another folder by --out.") from error
    return found if isinstance(found, dict) else {}


def _visible(folder: Path) -> list[Path]:
    """What lies in a folder beside our own notes."""
    if not folder.exists():
        return []
    return sorted(p for p in folder.iterdir() if p.name not in (ABOUT, LOCK) and not p.match(OURS))


def _foreign(path: Path) -> InfoganError:
    return InfoganError(
        f"{path.parent} holds {shown(path.name)}, which is no part of this encoding; name another folder by "
        "--out."
    )


def _dump(about: About) -> bytes:
    return (json.dumps(about, indent=2, ensure_ascii=False) + "\n").encode()
