"""An encoding as a folder of Parquet files, its parts: each is there complete or not at all.

OUT/_about.json           the description: what is encoded by which model, and the rows per part
   /part-00000.parquet    the first part, and so on
   /_lock                 held by the process that fills the folder
Programs that read folders of Parquet skip names that begin with an underscore.
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

DESCRIPTION, LOCK = "_about.json", "_lock"
UNFINISHED = "_*.part"

Description = dict[str, Any]


@final
@dataclass(frozen=True)
class EncodingFolder:
    """A folder to encode into, and the description of its content."""

    folder: Path
    description: Description

    def __len__(self) -> int:
        """The number of parts of the complete encoding."""
        return -(-self.n_images // self.rows_per_part)

    @property
    def n_images(self) -> int:
        return int(self.description["images"])

    @property
    def rows_per_part(self) -> int:
        return int(self.description["rows_per_part"])

    def path(self, part: int) -> Path:
        return self.folder / f"part-{part:05d}.parquet"

    def index(self, part: int) -> range:
        """The numbers of the images in a part."""
        return range(part * self.rows_per_part, min(self.n_images, (part + 1) * self.rows_per_part))

    def is_complete(self, part: int) -> bool:
        with suppress(OSError, pa.ArrowException, ValueError), pq.ParquetFile(self.path(part)) as file:
            metadata = file.schema_arrow.metadata or {}
            return file.metadata.num_rows == len(self.index(part)) and metadata == self._metadata(part)
        return False

    def missing_parts(self) -> list[int]:
        """The parts that are still to be written.

        Raises:
            InfoganError: if the folder holds anything else, or the encoding of other images or another model.
        """
        existing = read_description(self.folder)
        if existing is None:
            return list(range(len(self)))
        self._check_same(existing)
        names = {self.path(part).name for part in range(len(self))}
        for path in _foreign_files(self.folder):
            if path.name not in names:
                raise _foreign_error(path)
        return [part for part in range(len(self)) if not self.is_complete(part)]

    @contextmanager
    def locked(self) -> Iterator[list[int]]:
        """Creates the folder and locks it against other processes; yields the missing parts.

        Raises:
            InfoganError: if another process holds the lock or nothing can be written; as `missing_parts`.
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
                    "folder."
                ) from None
        try:
            missing = self.missing_parts()
            with wrap_write_errors(self.folder):
                for unfinished in self.folder.glob(UNFINISHED):
                    unfinished.unlink()
                if not (self.folder / DESCRIPTION).exists():
                    text = json.dumps(self.description, indent=2, ensure_ascii=False) + "\n"
                    write_atomic(self.folder / DESCRIPTION, text.encode())
            yield missing
        finally:
            lock.release()

    def write(self, part: int, table: pa.Table) -> None:
        """Writes a part, completely or not at all; two processes may write the same part at once.

        Raises:
            InfoganError: if it cannot be written.
        """
        path = self.path(part)
        unfinished = path.with_name(f"_{path.name}.{uuid4().hex}.part")
        with wrap_write_errors(self.folder):
            try:
                with unfinished.open("wb") as file:
                    pq.write_table(table.replace_schema_metadata(self._metadata(part)), file)
                    file.flush()
                    os.fsync(file.fileno())
                unfinished.replace(path)
                fsync_folder(self.folder)
            finally:
                unfinished.unlink(missing_ok=True)

    def _metadata(self, part: int) -> dict[bytes, bytes]:
        """Identifies a part, so that none is taken for another."""
        identity = {key: self.description[key] for key in ("checkpoint", "fingerprint")}
        return {b"infogan": json.dumps({"part": part, **identity}, sort_keys=True).encode()}

    def _check_same(self, existing: Description) -> None:
        description, folder = self.description, self.folder
        if existing.get("version") != description["version"]:
            raise InfoganError(
                f"{folder} was begun by infogan {existing.get('version')}, but this is "
                f"{description['version']}, which may encode differently; use that version, or name another "
                "folder."
            )
        if existing.get("checkpoint") != description["checkpoint"]:
            raise InfoganError(
                f"{folder} was begun with another run or checkpoint, of step {existing.get('step')}; this "
                f"one is of step {description['step']}. Name another folder."
            )
        # The source's name may differ: a folder that was moved holds the same images.
        if any(existing.get(key) != description[key] for key in ("fingerprint", "columns", "rows_per_part")):
            raise InfoganError(
                f"{folder} was begun with other images, those of {existing.get('source')}; these are of "
                f"{description['source']}. Name another folder."
            )


def read_description(folder: Path) -> Description | None:
    """The description of the encoding in a folder; None if the folder is empty or missing.

    Raises:
        InfoganError: if there is anything else.
    """
    if folder.exists() and not folder.is_dir():
        raise InfoganError(f"{folder} is a file, not a folder; name another.")
    path = folder / DESCRIPTION
    if not path.is_file():
        for file in _foreign_files(folder):
            raise _foreign_error(file)
        return None
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InfoganError(f"{path} cannot be read; name another folder.") from error
    return found if isinstance(found, dict) else {}


def _foreign_files(folder: Path) -> list[Path]:
    """All files in a folder but the description, the lock and unfinished parts."""
    if not folder.exists():
        return []
    return sorted(
        p for p in folder.iterdir() if p.name not in (DESCRIPTION, LOCK) and not p.match(UNFINISHED)
    )


def _foreign_error(path: Path) -> InfoganError:
    return InfoganError(
        f"{path.parent} holds {shown(path.name)}, which is not part of this encoding; name another folder."
    )
