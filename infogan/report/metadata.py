"""A table of one's own about the images, joined by file name or by number."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet
from jaxtyping import Int

from infogan.report.columns import Column, make_column
from infogan.utils.errors import InfoganError

NUMBERED = ("image", "index", "row", "id", "number")  # columns that may count images from 0
LEAST, LEAST_SHARE = 3, 0.1  # images, and of the rows or of the images, that must be found

Key = Callable[[PurePosixPath], str]
KEYS: dict[str, Key] = {
    "the whole name": lambda path: str(path),
    "the name without folders": lambda path: path.name,
    "the name without folders and ending": lambda path: path.stem,
    "the number that the name is": lambda path: path.stem.lstrip("0") if path.stem.isdigit() else path.stem,
}


class Joined(NamedTuple):
    """The columns beside the images, and what the page says of how they came there."""

    columns: list[Column]  # a value an image, NaN where the table has none
    said: str
    left_out: list[str]  # "name (why)"


class _Match(NamedTuple):
    column: int  # of the table
    by: str
    rows: dict[int, int]  # image -> row


def join(path: Path, names: tuple[str, ...] | None, of: int, index: Int[np.ndarray, "n"]) -> Joined:
    """The table's columns for the images `index` of a set of `of`.

    The column of names is the one in which most images are found, by whole name, by name without folders,
    or without ending as well; images that have no names are found by their number, counted from 0, in a
    column called image, index, row, id or number.

    Args:
        names: of the whole set.

    Raises:
        InfoganError: where the table cannot be read, or hardly a row names an image.
    """
    table = read_table(path)
    match = _by_name(table, names) if names else _by_number(table, of)
    found = len(match.rows) if match else 0
    if match is None or found < LEAST or max(found / table.num_rows, found / of) < LEAST_SHARE:
        raise InfoganError(_refusal(path, table, names, of, match))
    rows = np.array([match.rows.get(int(i), -1) for i in index])
    columns: list[Column] = []
    left_out: list[str] = []
    for j, name in enumerate(table.column_names):
        if j == match.column:
            continue
        column = make_column(name, table.column(j), rows)
        columns.append(column) if isinstance(column, Column) else left_out.append(f"{name} ({column})")
    said = (
        f"{found:,} of {of:,} images have a row among the {table.num_rows:,} of {path.name}, found by "
        f"{match.by} in its column “{table.column_names[match.column]}”."
    )
    return Joined(columns, said, left_out)


def read_table(path: Path) -> pa.Table:
    """A .parquet, or a .csv with a line of names and commas, semicolons or tabs between.

    Raises:
        InfoganError: where it cannot be read, or has no rows.
    """
    if not path.is_file():
        raise InfoganError(f"metadata: there is no file {path}.")
    try:
        if path.suffix.lower() == ".parquet":
            table = pyarrow.parquet.read_table(path)
        elif path.suffix.lower() in (".csv", ".tsv"):
            with path.open("rb") as file:
                head = file.readline()
            between = max(b",;\t", key=head.count)
            options = pyarrow.csv.ParseOptions(delimiter=chr(between))
            table = pyarrow.csv.read_csv(path, parse_options=options)
        else:
            raise InfoganError(f"metadata: {path} ends in none of .csv, .tsv and .parquet.")
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InfoganError(f"metadata: {path} cannot be read as a table ({_first_line(error)}).") from error
    if not table.num_rows or not table.num_columns:
        raise InfoganError(f"metadata: {path} holds no rows.")
    return table


def _by_name(table: pa.Table, names: Sequence[str]) -> _Match | None:
    """The column and the way of comparing that find most images; the plainest of equals."""
    best: _Match | None = None
    for by, key in KEYS.items():
        keys = [key(_path(name)) for name in names]
        times = Counter(keys)
        image = {k: i for i, k in enumerate(keys) if times[k] == 1}
        for j, column in enumerate(table.columns):
            numbers = pa.types.is_integer(column.type)
            if not (numbers or _is_text(column.type)):
                continue
            different = pyarrow.compute.count_distinct(column).as_py()
            if numbers and different < len(column) - column.null_count:
                continue  # numbers that repeat are an age or a size, not a name
            if different <= (len(best.rows) if best else 0):
                continue  # it cannot find more images than it has values
            rows: dict[int, int] = {}
            for row, value in enumerate(column.to_pylist()):
                i = None if value is None else image.get(key(_path(str(value))))
                if i is not None:
                    rows.setdefault(i, row)
            if rows and (best is None or len(rows) > len(best.rows)):
                best = _Match(j, by, rows)
    return best


def _path(name: str) -> PurePosixPath:
    return PurePosixPath(name.strip().replace("\\", "/"))


def _by_number(table: pa.Table, of: int) -> _Match | None:
    for j, (name, column) in enumerate(zip(table.column_names, table.columns, strict=True)):
        if name.strip().lower() in NUMBERED and pa.types.is_integer(column.type):
            rows: dict[int, int] = {}
            for row, value in enumerate(column.to_pylist()):
                if value is not None and 0 <= value < of:
                    rows.setdefault(value, row)
            return _Match(j, "the number of the image, counted from 0,", rows)
    return None


def _refusal(path: Path, table: pa.Table, names: Sequence[str] | None, of: int, match: _Match | None) -> str:
    found = f"{len(match.rows) if match else 0:,} of the {table.num_rows:,} rows of {path}"
    if names is None:
        return (
            f"metadata: {found} belong to an image; as these have no file names, the table needs a column of "
            f"whole numbers from 0 to {of - 1:,} called {', '.join(NUMBERED[:-1])} or {NUMBERED[-1]}."
        )
    texts = [j for j, column in enumerate(table.columns) if _is_text(column.type)]
    j = match.column if match and match.column in texts else (texts or [0])[0]
    theirs = ", ".join(repr(str(value)) for value in table.column(j)[:3].to_pylist())
    return (
        f"metadata: {found} name one of the {of:,} images; images are called "
        f"{', '.join(map(repr, names[:3]))}, and the column {table.column_names[j]!r} holds {theirs}; "
        "give the table a column of file names."
    )


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
