"""Which row of a table belongs to which image: by file name, or by number."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute

# What a column of file names is called, in lower case and without spaces, hyphens and underscores.
NAME_COLUMNS = (
    *("file", "filename", "filepath", "image", "imagename", "imagepath", "imagefile", "name", "path"),
    *("img", "imgname", "imgpath", "picture", "photo"),
    *("datei", "dateiname", "bild", "fichier", "archivo", "imagen", "immagine"),
)
NUMBER_COLUMNS = ("image", "index", "row", "id", "number")  # may hold the number of the image
# Numbers under another name, such as a size, are no names of files, even if they fit.
NUMBERS_AS_NAMES = r"(.*[_ -])?(id|key|no|nr|num|number|index|idx|row)|.*Id|.*ID"
ROW_NUMBERS = ("", "Unnamed: 0", "__index_level_0__")  # what pandas calls its row numbers
MAX_FOLDERS = 8  # of a path that are compared


class Match(NamedTuple):
    """The rows that a column of the table gives to images."""

    column: int  # of the table
    by: str
    rows: dict[int, int]  # from the image to its row


def match_by_name(table: pa.Table, names: Sequence[str]) -> list[Match]:
    """What the columns match: first those called like file names, then text, then numbers; no row numbers.

    Of several columns of one group the one that matches most images comes first.
    """
    paths = [_parts(name) for name in names]
    groups: dict[int, list[Match]] = {0: [], 1: [], 2: []}
    for j, (name, column) in enumerate(zip(table.column_names, table.columns, strict=True)):
        is_number = pa.types.is_integer(column.type)
        if not (is_number or is_text(column.type)) or name in ROW_NUMBERS:
            continue
        is_called_name = re.sub(r"[\s_-]", "", name.lower()) in NAME_COLUMNS
        is_id = is_called_name or re.fullmatch(NUMBERS_AS_NAMES, name) or name.lower() in NUMBER_COLUMNS
        if is_number and not (is_id and _is_unique(column)):
            continue
        group = 0 if is_called_name else 2 if is_number else 1
        values = [None if v is None or str(v).strip() == "" else _parts(str(v)) for v in column.to_pylist()]
        rows, by = _match_paths(paths, values)
        if rows:
            groups[group].append(Match(j, by, rows))
    return [m for group in groups.values() for m in sorted(group, key=lambda match: -len(match.rows))]


def match_by_number(table: pa.Table, n_images: int) -> list[Match]:
    """What columns of numbers match: from 0, or from 1 if they are exactly 1 to the number of images."""
    matches: list[Match] = []
    for j, (name, column) in enumerate(zip(table.column_names, table.columns, strict=True)):
        if name.strip().lower() in NUMBER_COLUMNS and pa.types.is_integer(column.type):
            values = column.to_pylist()
            known = {value for value in values if value is not None}
            start = 1 if known == set(range(1, n_images + 1)) else 0
            rows: dict[int, int] = {}
            for row, value in enumerate(values):
                if value is not None and 0 <= value - start < n_images:
                    rows.setdefault(value - start, row)
            matches.append(Match(j, f"image number, counted from {start},", rows))
    return matches


def is_text(type: pa.DataType) -> bool:
    if pa.types.is_dictionary(type):
        return is_text(type.value_type)
    return bool(pa.types.is_string(type) or pa.types.is_large_string(type) or pa.types.is_string_view(type))


def _is_unique(column: pa.ChunkedArray) -> bool:
    n_distinct: int = pa.compute.count_distinct(column).as_py()
    return n_distinct == int(len(column) - column.null_count)


Path = tuple[str, ...]  # folders and a file name


def _parts(name: str) -> Path:
    """The last parts of a path, with composed letters."""
    parts = unicodedata.normalize("NFC", name.strip().replace("\\", "/")).split("/")
    return tuple(part for part in parts if part not in ("", "."))[-MAX_FOLDERS:]


def _keys(depth: int) -> Iterator[tuple[str, int, Callable[[Path], Path]]]:
    """Ways to compare paths, the strictest first: what they are called, and how many parts they compare.

    `depth` is that of the deepest path.
    """

    for case, fold in (("", False), (", whatever its case", True)):
        yield f"whole name{case}", MAX_FOLDERS, partial(_end, n=MAX_FOLDERS, fold=fold)
        for n in range(depth - 1, 0, -1):
            what = "name without folders" if n == 1 else f"last {n} parts of the path"
            yield f"{what}{case}", n, partial(_end, n=n, fold=fold)
        for n in range(depth, 0, -1):
            what = "name without folders and extension" if n == 1 else "name without extension"
            yield f"{what}{case}", n, partial(_end, n=n, fold=fold, has_ending=False)
    yield "number in the name", 1, _number


def _end(path: Path, *, n: int, fold: bool, has_ending: bool = True) -> Path:
    """The last n parts of a path, in lower case if `fold`, and without the ending unless it is wanted."""
    end = path[-n:] if has_ending else (*path[-n:-1], _stem(path[-1]))
    return tuple(part.casefold() for part in end) if fold else end


def _number(path: Path) -> Path:
    stem = _stem(path[-1])
    return (stem.lstrip("0") if stem.isdigit() else stem.casefold(),)


def _match_paths(paths: Sequence[Path], values: Sequence[Path | None]) -> tuple[dict[int, int], str]:
    """From images to rows, each by the strictest key; a key that fits several images fits none.

    Once folders have matched, a row of another folder does not match.
    """
    found: dict[int, int] = {}
    used: set[int] = set()
    how: list[str] = []
    folders_match = False
    for by, n, key in _keys(max(map(len, paths), default=1)):
        if len(found) == len(paths):
            break
        keys = [key(path) for path in paths]
        counts = Counter(keys)
        image = {k: i for i, k in enumerate(keys) if counts[k] == 1 and i not in found}
        n_before = len(found)
        for row, value in enumerate(values):
            i = None if not value or row in used else image.get(key(value))
            if i is not None and value and i not in found:
                if folders_match and min(len(value), len(paths[i])) > n:
                    continue
                found[i] = row
                used.add(row)
        if len(found) > n_before:
            how.append(by)
            folders_match = folders_match or n > 1
    return found, " and ".join(how)


def _stem(name: str) -> str:
    """The name without the ending of an image file; 1.5 has none."""
    stem, dot, ending = name.rpartition(".")
    return stem if dot and stem and f".{ending.lower()}" in _endings() else name


@cache
def _endings() -> frozenset[str]:
    from PIL import Image

    others: Iterable[str] = (".heic", ".heif", ".avif", ".jxl", ".dcm", ".nii", ".gz", ".npy", ".raw", ".svg")
    return frozenset({*Image.registered_extensions(), *others})
