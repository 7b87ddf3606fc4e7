"""Tables about images, as people have them: CSV of any separator and encoding, JSON, Parquet."""

import codecs
import csv
import io
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet

from infogan.utils.errors import InfoganError

SEPARATED, JSON = (".csv", ".tsv", ".txt", ".tab"), (".jsonl", ".ndjson", ".json")
SEPARATORS = ",;\t|"
N_INSPECTED, MAX_INSPECTED = 50, 2**20  # lines and characters from which the separator is found
MAX_BLOCK = 2**30  # bytes that decide the type of a column
BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
DECIMAL_COMMA = r"^\s*[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?([eE][+-]?\d+)?\s*$"


def read_table(path: Path, what: str) -> pa.Table:
    """A .parquet file; a .csv, .tsv or .txt file with a header line; a .json or .jsonl file of objects.

    Columns are separated by commas, semicolons, tabs or bars, whichever fit; a first line such as `sep=;` is
    obeyed. Text is UTF-8, UTF-16, or else cp1252. Numbers may have decimal commas if commas do not separate
    columns.

    Args:
        what: the setting that names the file, as errors call it.

    Raises:
        InfoganError: if it cannot be read, or has no rows.
    """
    if not path.is_file():
        raise InfoganError(f"{what}: there is no file {path}.")
    suffix = path.suffix.lower()
    if suffix not in (*SEPARATED, *JSON, ".parquet"):
        raise InfoganError(f"{what}: {path} is not a .csv, .tsv, .txt, .json, .jsonl or .parquet file.")
    try:
        if suffix == ".parquet":
            table = pyarrow.parquet.read_table(path)
        else:
            text = decode_text(path.read_bytes())
            table = _read_json(text) if suffix in JSON else parse_separated(text)
    except (OSError, ValueError, TypeError, AttributeError, RecursionError, pa.ArrowException) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise InfoganError(f"{what}: {path} cannot be read as a table ({reason}).") from error
    if not table.num_rows or not table.num_columns:
        raise InfoganError(f"{what}: {path} has no rows.")
    return table


def decode_text(content: bytes) -> str:
    """Text by its byte order mark, else as UTF-8, as UTF-16 if every second byte is 0, else as cp1252."""
    for mark, encoding in BOMS:
        if content.startswith(mark):
            return content.decode(encoding)
    start = content[:1000]
    if len(start) > 1 and b"\0" in start:
        is_little = start[1::2].count(0) > start[::2].count(0)
        return content.decode("utf-16-le" if is_little else "utf-16-be")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def parse_separated(text: str) -> pa.Table:
    """A table of a header line and lines of values, as `read_table` says."""
    first, _, rest = text.partition("\n")
    named = re.fullmatch(r'"?sep=(.)"?\s*', first, re.IGNORECASE)  # as Excel writes and obeys it
    text, separator = (rest, named[1]) if named else (text, _find_separator(text))
    content = text.encode()
    table = pyarrow.csv.read_csv(
        io.BytesIO(content),
        pyarrow.csv.ReadOptions(block_size=min(MAX_BLOCK, len(content) + 1)),
        parse_options=pyarrow.csv.ParseOptions(delimiter=separator, newlines_in_values=True),
    )
    if separator == ",":
        return table
    for j, column in enumerate(table.columns):
        numbers = _with_decimal_commas(column)
        if numbers is not None:
            table = table.set_column(j, table.column_names[j], numbers)
    return table


def _find_separator(text: str) -> str:
    """The separator that gives each line as many fields as the header, and more than one; most fields win."""
    lines = text[:MAX_INSPECTED].splitlines(keepends=True)[:N_INSPECTED]

    def fields(separator: str) -> tuple[bool, int]:
        counts = [len(row) for row in csv.reader(lines, delimiter=separator) if row]
        return len(set(counts[:-1] or counts)) == 1 and counts[0] > 1, counts[0] if counts else 0

    return max(SEPARATORS, key=fields)


def _with_decimal_commas(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """The column as numbers, if it holds text that are numbers with decimal commas."""
    if not pa.types.is_string(column.type):
        return None
    filled = pa.compute.if_else(pa.compute.equal(pa.compute.utf8_trim_whitespace(column), ""), None, column)
    known = filled.drop_null()
    has_comma = pa.compute.any(pa.compute.match_substring(known, ",")).as_py()
    if not has_comma or not pa.compute.all(pa.compute.match_substring_regex(known, DECIMAL_COMMA)).as_py():
        return None
    plain = pa.compute.utf8_trim_whitespace(pa.compute.replace_substring(filled, ".", ""))
    return pa.compute.replace_substring(plain, ",", ".").cast(pa.float64())


def _read_json(text: str) -> pa.Table:
    """An array of objects, as pandas writes `orient="records"`, or an object per line."""
    is_array = text.lstrip().startswith("[")
    rows = json.loads(text) if is_array else [json.loads(line) for line in text.split("\n") if line.strip()]
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("not a list of objects, nor an object in each line")
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: _json_column([row.get(name) for row in rows]) for name in names})


def _json_column(values: list[object]) -> pa.Array:
    """A column of one type; of mixed types as text."""
    try:
        return pa.array(values)
    except pa.ArrowException:
        return pa.array([None if value is None else str(value) for value in values])
