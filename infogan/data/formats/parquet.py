"""Pictures in a column of Parquet files."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int
from PIL import Image

from infogan.data.formats.collection import ImageCollection, Item
from infogan.data.formats.image import open_picture
from infogan.utils.errors import InfoganError, shown
from infogan.utils.limits import BROKEN, require_modest

NAMES = ("image", "img", "png", "jpg", "jpeg", "picture")
ROWS = 16  # read at a time
RUN = 25  # rows next to each other, where some are looked at from all over the files


def find_rows(path: Path) -> ImageCollection:
    """The pictures of a Parquet file, or of all in a folder, in the order of the files' names.

    They are encoded, as PNG or JPEG, say, in a column of bytes, or of a struct of bytes and path as the
    library datasets writes. The column is the one called image or the like, else the only one of this kind.
    A column of whole numbers called label gives labels.

    Raises:
        InfoganError: where a file cannot be read, or has no such column.
    """
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise InfoganError(f"{shown(str(path))} holds no .parquet file.")
    counts: list[int] = []
    labels: list[np.ndarray] | None = []
    known = hashlib.sha256()
    for file in files:
        try:
            with pq.ParquetFile(file) as opened:
                column = picture_column(opened.schema_arrow, str(file))
                _require_modest(file, opened.metadata, column)
                counts.append(opened.metadata.num_rows)
            state = file.stat()
            found = _labels(file)
        except (pa.ArrowException, *BROKEN) as error:
            raise InfoganError(f"{shown(str(file))} cannot be read as Parquet ({_brief(error)}).") from error
        known.update(f"{file}\0{state.st_size} {state.st_mtime_ns}\0{column}\0".encode(errors="replace"))
        labels = None if found is None or labels is None else [*labels, found]
    if not sum(counts):
        raise InfoganError(f"{shown(str(path))} has no rows.")
    named = _are_named(files)
    return ImageCollection(
        where=str(path),
        key=str(path.resolve()),
        n=sum(counts),
        items=partial(_items, files, counts),
        fingerprint=lambda: f"{path.resolve()}: {known.hexdigest()}",
        labels=None if labels is None else np.concatenate(labels),
        named=named,
        run=RUN,
    )


def _require_modest(file: Path, about: pq.FileMetaData, column: str) -> None:
    """What is read at once, a row group of pictures or all labels, is modest."""
    size = file.stat().st_size
    require_modest(f"the labels of {shown(str(file))}", 8 * about.num_rows, size)
    for group in map(about.row_group, range(about.num_row_groups)):
        chunks = (group.column(i) for i in range(group.num_columns))
        held = sum(c.total_uncompressed_size for c in chunks if c.path_in_schema.split(".")[0] == column)
        require_modest(f"a row group of {shown(str(file))}", held, size)


def _brief(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__


def picture_column(schema: pa.Schema, where: str) -> str:
    """The column that holds pictures.

    Raises:
        InfoganError: where none does, or several might.
    """
    fit = [field.name for field in schema if _holds_bytes(field.type)]
    called = [name for name in NAMES if name in fit]
    if called:
        return called[0]
    if not fit:
        raise InfoganError(
            f"{shown(where)} has no column of pictures, which are bytes, but {', '.join(schema.names)}."
        )
    if len(fit) > 1:
        raise InfoganError(
            f"{shown(where)} has several columns of bytes, {', '.join(fit)}; call that of pictures image."
        )
    return str(fit[0])


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0 and _holds_bytes(kind.field("bytes").type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _labels(file: Path) -> Int[np.ndarray, "n"] | None:
    schema = pq.read_schema(file)
    if "label" not in schema.names or not pa.types.is_integer(schema.field("label").type):
        return None
    column = pq.read_table(file, columns=["label"])["label"]
    labels: np.ndarray = column.fill_null(-1).to_numpy().astype(np.int64)
    return None if (labels < 0).any() else labels  # of a split whose labels are withheld


def _are_named(files: list[Path]) -> bool:
    """Whether the first row tells its file's name; then the others do."""
    with _items(files, [1] * len(files), [0]) as items:
        return not next(items).name.startswith("row ")


@contextmanager
def _items(files: list[Path], counts: list[int], index: Sequence[int] | None) -> Iterator[Iterator[Item]]:
    yield _chosen(files, counts, index)


def _chosen(files: list[Path], counts: list[int], index: Sequence[int] | None) -> Iterator[Item]:
    first = 0
    for file, count in zip(files, counts, strict=True):
        wanted = None if index is None else {i - first for i in index if first <= i < first + count}
        if wanted is None or wanted:
            for row, value in _values(file, wanted):
                yield item(value, first + row)
        first += count


def _values(file: Path, wanted: set[int] | None) -> Iterator[tuple[int, Any]]:
    """The rows of the row groups that hold wanted ones, a few at a time."""
    with pq.ParquetFile(file) as opened:
        column = picture_column(opened.schema_arrow, str(file))
        row = 0
        for group in range(opened.metadata.num_row_groups):
            size = opened.metadata.row_group(group).num_rows
            if wanted is None or any(row <= i < row + size for i in wanted):
                for batch in opened.iter_batches(ROWS, row_groups=[group], columns=[column]):
                    for value in batch.column(0):
                        if wanted is None or row in wanted:
                            yield row, value.as_py()
                        row += 1
            else:
                row += size


def item(value: Any, row: int, is_here: bool = False) -> Item:
    """A picture of a column: bytes, or a dict of bytes and path, either of which may be missing.

    Args:
        is_here: whether a path without bytes is one of this machine, to be opened.
    """
    content, path = (value.get("bytes"), value.get("path")) if isinstance(value, dict) else (value, None)
    return Item(path or f"row {row}", partial(_open, content, path if is_here else None))


def _open(content: bytes | None, path: str | None) -> Image.Image:
    if content is not None:
        return open_picture(content)
    if path is None:
        raise ValueError("empty")
    return open_picture(path)
