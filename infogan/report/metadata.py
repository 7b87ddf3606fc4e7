"""A table about the images, joined to them by file name or by number."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np
import pyarrow as pa
from jaxtyping import Int

from infogan.data.tables import NUMBER_COLUMNS, Match, is_text, match_by_name, match_by_number, read_table
from infogan.method.codes import Kind
from infogan.report.associations import Column
from infogan.utils.errors import InfoganError, shown

MIN_MATCHES, MIN_SHARE = 3, 0.1  # matched images; and of the rows or of the images, whichever share is larger
MAX_CATEGORIES = 50  # of a text column
N_NAMED = 3  # of what did not match


class Metadata(NamedTuple):
    """The columns of a table, one value per image, and how they were matched."""

    columns: list[Column]
    message: str
    left_out: list[str]  # "name (reason)"


def join_metadata(
    path: Path, names: Sequence[str] | None, n_images: int, index: Int[np.ndarray, "n"]
) -> Metadata:
    """The columns of a table for the images `index` of a data set.

    Images with names are matched by a column called file, image, name, path or similar, else by the column of
    text that matches most of them, else by a column of numbers. Names are compared whole, without folders and
    without endings, whatever their case. Images without names are matched by a column of numbers called
    image, index, row, id or number. The row number that pandas writes before a table is never used.

    Args:
        names: of all images of the data set.
        n_images: in the data set.

    Raises:
        InfoganError: if the table cannot be read, or hardly any row matches an image.
    """
    table = read_table(path, "metadata")

    def is_enough(match: Match) -> bool:
        n = len(match.rows)
        return n >= MIN_MATCHES and max(n / table.num_rows, n / n_images) >= MIN_SHARE

    matches = match_by_name(table, names) if names else match_by_number(table, n_images)
    match = next(filter(is_enough, matches), None)
    if match is None:
        best = max(matches, key=lambda found: len(found.rows), default=None)
        raise InfoganError(_no_match_message(path, table, names, n_images, best))
    rows = np.array([match.rows.get(int(i), -1) for i in index])
    columns: list[Column] = []
    left_out: list[str] = []
    for j, name in enumerate(table.column_names):
        if j == match.column:
            continue
        column = make_column(name, table.column(j), rows)
        columns.append(column) if isinstance(column, Column) else left_out.append(f"{name} ({column})")
    return Metadata(columns, _match_message(path, table, names, n_images, match), left_out)


def make_column(header: str, column: pa.ChunkedArray, rows: Int[np.ndarray, "n"]) -> Column | str:
    """The column's values at these rows, NaN for a row of -1; or the reason why it is left out.

    Args:
        header: a name, and what the values are if that is not clear: `object:category`, `azimuth:angle` (in
            degrees, or in radians if all are within 2 pi), `size:number`.
    """
    name, _, declared = header.rpartition(":")
    if not name or declared not in get_args(Kind):
        name, declared = header, ""
    is_present = rows >= 0
    taken = column.take(pa.array(rows[is_present]))
    kind: Kind = "number"
    categories: list[str] = []
    type = taken.type
    if declared == "category" and not is_text(type):
        taken = taken.cast(pa.string())
        type = taken.type
    elif declared in ("number", "angle") and is_text(type):
        return f"declared as {declared}, but text"
    if pa.types.is_integer(type) or pa.types.is_floating(type) or pa.types.is_decimal(type):
        found = taken.cast(pa.float64(), safe=False).to_numpy()
    elif pa.types.is_timestamp(type) or pa.types.is_date(type):
        found = taken.cast(pa.timestamp("s"), safe=False).cast(pa.int64()).cast(pa.float64()).to_numpy()
    elif pa.types.is_null(type):
        return "empty"
    elif pa.types.is_boolean(type) or is_text(type) or pa.types.is_dictionary(type):
        kind = "category"
        texts = [None if value is None or value == "" else str(value) for value in taken.to_pylist()]
        categories = sorted({text for text in texts if text is not None})
        if len(categories) > min(MAX_CATEGORIES, max(2, len(texts) // 2)):
            return f"text with {len(categories):,} values"
        numbers = {text: float(i) for i, text in enumerate(categories)}
        found = np.array([math.nan if text is None else numbers[text] for text in texts])
    else:
        return f"of type {type}"
    if declared == "angle":
        kind = "angle"
        largest = np.abs(found[np.isfinite(found)]).max(initial=0)
        found = np.radians(found) if largest > 2 * math.pi else found
    values = np.full(len(rows), math.nan)
    values[is_present] = found
    values[~np.isfinite(values)] = math.nan
    known = values[np.isfinite(values)]
    if len(np.unique(known)) < 2:
        return "constant" if len(known) else "empty"
    return Column(name, kind, values, tuple(categories))


def _match_message(
    path: Path, table: pa.Table, names: Sequence[str] | None, n_images: int, match: Match
) -> str:
    """How the table was joined, and what of it was not."""
    column = table.column(match.column)
    parts = [
        f"{len(match.rows):,} of {n_images:,} images have a row among the {table.num_rows:,} of {path.name}, "
        f"matched by {match.by} with its column “{table.column_names[match.column]}”."
    ]
    used = set(match.rows.values())
    unmatched = [i for i in range(table.num_rows) if i not in used]
    if unmatched:
        examples = ", ".join(shown(str(column[i].as_py())) for i in unmatched[:N_NAMED])
        parts.append(f"Rows that match no image or repeat one: {len(unmatched):,}, such as {examples}.")
    missing = [i for i in range(n_images) if i not in match.rows]
    if missing and names:
        examples = ", ".join(shown(names[i]) for i in missing[:N_NAMED])
        parts.append(f"Images without a row: {len(missing):,}, such as {examples}.")
    return " ".join(parts)


def _no_match_message(
    path: Path, table: pa.Table, names: Sequence[str] | None, n_images: int, match: Match | None
) -> str:
    n_rows = f"{len(match.rows) if match else 0:,} of the {table.num_rows:,} rows of {path}"
    if names is None:
        return (
            f"metadata: only {n_rows} match an image; these images have no file names, so the table needs a "
            f"column of whole numbers from 0 to {n_images - 1:,} called {', '.join(NUMBER_COLUMNS[:-1])} or "
            f"{NUMBER_COLUMNS[-1]}."
        )
    texts = [j for j, column in enumerate(table.columns) if is_text(column.type)]
    j = match.column if match and match.column in texts else (texts or [0])[0]
    values = ", ".join(repr(str(value)) for value in table.column(j)[:3].to_pylist())
    return (
        f"metadata: only {n_rows} match one of the {n_images:,} images, which are called "
        f"{', '.join(map(repr, names[:3]))}; the column {table.column_names[j]!r} holds {values}. Add a "
        "column of file names to the table."
    )
