"""A table about the images, joined to them by file name or by number."""

import math
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

from infogan.method.codes import Kind
from infogan.report.associations import Column
from infogan.utils.errors import InfoganError

NUMBER_COLUMNS = ("image", "index", "row", "id", "number")  # may hold the number of the image, from 0
MIN_MATCHES, MIN_SHARE = 3, 0.1  # matched images; and of the rows or of the images, whichever share is larger
MAX_CATEGORIES = 50  # of a text column

KEYS: dict[str, Callable[[PurePosixPath], str]] = {
    "whole name": str,
    "name without folders": lambda path: path.name,
    "name without folders and extension": lambda path: path.stem,
    "number in the name": lambda path: path.stem.lstrip("0") if path.stem.isdigit() else path.stem,
}


class Metadata(NamedTuple):
    """The columns of a table, one value per image, and how they were matched."""

    columns: list[Column]
    message: str
    left_out: list[str]  # "name (reason)"


class _Match(NamedTuple):
    column: int  # of the table
    by: str
    rows: dict[int, int]  # from the image to its row


def join_metadata(
    path: Path, names: Sequence[str] | None, n_images: int, index: Int[np.ndarray, "n"]
) -> Metadata:
    """The columns of a table for the images `index` of a data set.

    Names are compared whole, without folders, and without extension, and the column that matches most images
    is used. Images without names are matched by a column of numbers called image, index, row, id or number.

    Args:
        names: of all images of the data set.
        n_images: in the data set.

    Raises:
        InfoganError: if the table cannot be read, or hardly any row matches an image.
    """
    table = read_table(path)
    match = _match_by_name(table, names) if names else _match_by_number(table, n_images)
    n = len(match.rows) if match else 0
    if match is None or n < MIN_MATCHES or max(n / table.num_rows, n / n_images) < MIN_SHARE:
        raise InfoganError(_no_match_message(path, table, names, n_images, match))
    rows = np.array([match.rows.get(int(i), -1) for i in index])
    columns: list[Column] = []
    left_out: list[str] = []
    for j, name in enumerate(table.column_names):
        if j == match.column:
            continue
        column = make_column(name, table.column(j), rows)
        columns.append(column) if isinstance(column, Column) else left_out.append(f"{name} ({column})")
    message = (
        f"{n:,} of {n_images:,} images have a row among the {table.num_rows:,} of {path.name}, matched by "
        f"{match.by} with its column “{table.column_names[match.column]}”."
    )
    return Metadata(columns, message, left_out)


def read_table(path: Path) -> pa.Table:
    """A .parquet file, or a .csv or .tsv file with a header line, separated by commas, semicolons or tabs.

    Raises:
        InfoganError: if it cannot be read, or has no rows.
    """
    if not path.is_file():
        raise InfoganError(f"metadata: there is no file {path}.")
    try:
        if path.suffix.lower() == ".parquet":
            table = pyarrow.parquet.read_table(path)
        elif path.suffix.lower() in (".csv", ".tsv"):
            with path.open("rb") as file:
                header = file.readline()
            delimiter = chr(max(b",;\t", key=header.count))
            table = pyarrow.csv.read_csv(path, parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter))
        else:
            raise InfoganError(f"metadata: {path} is not a .csv, .tsv or .parquet file.")
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise InfoganError(f"metadata: {path} cannot be read as a table ({reason}).") from error
    if not table.num_rows or not table.num_columns:
        raise InfoganError(f"metadata: {path} has no rows.")
    return table


def make_column(name: str, column: pa.ChunkedArray, rows: Int[np.ndarray, "n"]) -> Column | str:
    """The column's values at these rows, NaN for a row of -1; or the reason why it is left out."""
    is_present = rows >= 0
    taken = column.take(pa.array(rows[is_present]))
    kind: Kind = "number"
    type = taken.type
    if pa.types.is_integer(type) or pa.types.is_floating(type) or pa.types.is_decimal(type):
        found = taken.cast(pa.float64(), safe=False).to_numpy()
    elif pa.types.is_timestamp(type) or pa.types.is_date(type):
        found = taken.cast(pa.timestamp("s"), safe=False).cast(pa.int64()).cast(pa.float64()).to_numpy()
    elif pa.types.is_null(type):
        return "empty"
    elif pa.types.is_boolean(type) or _is_text(type) or pa.types.is_dictionary(type):
        kind = "category"
        texts = [None if value is None or value == "" else str(value) for value in taken.to_pylist()]
        categories = sorted({text for text in texts if text is not None})
        if len(categories) > min(MAX_CATEGORIES, max(2, len(texts) // 2)):
            return f"text with {len(categories):,} values"
        numbers = {text: float(i) for i, text in enumerate(categories)}
        found = np.array([math.nan if text is None else numbers[text] for text in texts])
    else:
        return f"of type {type}"
    values = np.full(len(rows), math.nan)
    values[is_present] = found
    values[~np.isfinite(values)] = math.nan
    known = values[np.isfinite(values)]
    if len(np.unique(known)) < 2:
        return "constant" if len(known) else "empty"
    return Column(name, kind, values)


def _match_by_name(table: pa.Table, names: Sequence[str]) -> _Match | None:
    """The column and key that match most images; of equals the one with the longest names."""
    best: _Match | None = None
    for by, key in KEYS.items():
        keys = [key(_to_path(name)) for name in names]
        counts = Counter(keys)
        image = {k: i for i, k in enumerate(keys) if counts[k] == 1}
        for j, column in enumerate(table.columns):
            is_integer = pa.types.is_integer(column.type)
            if not (is_integer or _is_text(column.type)):
                continue
            n_distinct = pyarrow.compute.count_distinct(column).as_py()
            if is_integer and n_distinct < len(column) - column.null_count:
                continue  # repeated numbers are an age or a size, not a name
            if n_distinct <= (len(best.rows) if best else 0):
                continue  # cannot match more images than it has values
            rows: dict[int, int] = {}
            for row, value in enumerate(column.to_pylist()):
                i = None if value is None else image.get(key(_to_path(str(value))))
                if i is not None:
                    rows.setdefault(i, row)
            if rows and (best is None or len(rows) > len(best.rows)):
                best = _Match(j, by, rows)
    return best


def _to_path(name: str) -> PurePosixPath:
    return PurePosixPath(name.strip().replace("\\", "/"))


def _match_by_number(table: pa.Table, n_images: int) -> _Match | None:
    for j, (name, column) in enumerate(zip(table.column_names, table.columns, strict=True)):
        if name.strip().lower() in NUMBER_COLUMNS and pa.types.is_integer(column.type):
            rows: dict[int, int] = {}
            for row, value in enumerate(column.to_pylist()):
                if value is not None and 0 <= value < n_images:
                    rows.setdefault(value, row)
            return _Match(j, "image number, counted from 0,", rows)
    return None


def _no_match_message(
    path: Path, table: pa.Table, names: Sequence[str] | None, n_images: int, match: _Match | None
) -> str:
    n_rows = f"{len(match.rows) if match else 0:,} of the {table.num_rows:,} rows of {path}"
    if names is None:
        return (
            f"metadata: only {n_rows} match an image; these images have no file names, so the table needs a "
            f"column of whole numbers from 0 to {n_images - 1:,} called {', '.join(NUMBER_COLUMNS[:-1])} or "
            f"{NUMBER_COLUMNS[-1]}."
        )
    texts = [j for j, column in enumerate(table.columns) if _is_text(column.type)]
    j = match.column if match and match.column in texts else (texts or [0])[0]
    values = ", ".join(repr(str(value)) for value in table.column(j)[:3].to_pylist())
    return (
        f"metadata: only {n_rows} match one of the {n_images:,} images, which are called "
        f"{', '.join(map(repr, names[:3]))}; the column {table.column_names[j]!r} holds {values}. Add a "
        "column of file names to the table."
    )


def _is_text(type: pa.DataType) -> bool:
    if pa.types.is_dictionary(type):
        return _is_text(type.value_type)
    return bool(pa.types.is_string(type) or pa.types.is_large_string(type))
