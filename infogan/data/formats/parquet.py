"""Images in a column of Parquet files."""

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from infogan.data.formats.collection import ImageCollection, LazyImage
from infogan.data.formats.image import N_PREFIX, format_of, open_image
from infogan.data.labels import LABEL_COLUMNS, UNKNOWN, Labels, to_labels
from infogan.utils.errors import InfoganError, one_line, shown
from infogan.utils.io import DECODE_ERRORS
from infogan.utils.limits import require_within_limits

IMAGE_COLUMNS = ("image", "img", "png", "jpg", "jpeg", "picture")
ROWS_PER_READ = 16
N_ADJACENT = 25  # rows per run of a sample: reading one row reads its whole row group


def open_parquet(path: Path) -> ImageCollection:
    """The images of a Parquet file, or of all in a folder, sorted by file name.

    They are encoded, as PNG or JPEG for example, in a column of bytes, of base64, or of structs of bytes and
    path as the library `datasets` writes them; or they are nested lists of numbers from 0 to 255. A list of
    one image is that image. The column is the one called image or similar, or the only one of this type. A
    column called label or similar gives labels.
    """
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise InfoganError(f"{shown(str(path))} contains no .parquet file.")
    counts: list[int] = []
    class_names: list[str] | None = None
    labels: list[pa.ChunkedArray] | None = []
    digest = hashlib.sha256()
    for file in files:
        try:
            with pq.ParquetFile(file) as opened:
                column = find_image_column(opened.schema_arrow, str(file))
                label_column = find_label_column(opened.schema_arrow)
                _check_sizes(file, opened.metadata, column)
                counts.append(opened.metadata.num_rows)
                class_names = class_names or _class_names(opened.schema_arrow, label_column)
                found = opened.read([label_column])[label_column] if label_column else None
            state = file.stat()
        except (pa.ArrowException, *DECODE_ERRORS) as error:
            reason = one_line(error).rstrip(".")
            raise InfoganError(f"{shown(str(file))} cannot be read as Parquet ({reason}).") from error
        digest.update(f"{file}\0{state.st_size} {state.st_mtime_ns}\0{column}\0".encode(errors="replace"))
        labels = None if found is None or labels is None else [*labels, found]
    if not sum(counts):
        raise InfoganError(f"{shown(str(path))} has no rows.")
    first = next(_items(files, [1] * len(files), [0]))
    return ImageCollection(
        source=str(path),
        key=str(path.resolve()),
        n=sum(counts),
        items=lambda indices: nullcontext(_items(files, counts, indices)),
        fingerprint=lambda: f"{path.resolve()}: {digest.hexdigest()}",
        labels=None if labels is None else arrow_labels(labels, str(path), class_names),
        has_file_names=not first.name.startswith("row "),
        n_adjacent=N_ADJACENT,
    )


def _check_sizes(file: Path, metadata: pq.FileMetaData, column: str) -> None:
    """Checks what is read at once: all labels, and each row group of images."""
    size = file.stat().st_size
    require_within_limits(f"the labels of {shown(str(file))}", 8 * metadata.num_rows, size)
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        chunks = (group.column(i) for i in range(group.num_columns))
        chosen = [chunk for chunk in chunks if chunk.path_in_schema.split(".")[0] == column]
        # A long list of equal numbers takes a few bytes in a file, and 8 bytes for each in memory.
        unpacked = sum(max(chunk.total_uncompressed_size, 8 * chunk.num_values) for chunk in chosen)
        require_within_limits(f"a row group of {shown(str(file))}", unpacked, size)


def find_image_column(schema: pa.Schema, source: str) -> str:
    """The name of the column that contains images."""
    candidates = [str(field.name) for field in schema if _is_bytes(field.type)]
    lists = [str(field.name) for field in schema if _is_list(field.type)]
    texts = [str(field.name) for field in schema if _is_text(field.type)]
    for kind in (candidates, lists, texts):
        named = {name.lower(): name for name in reversed(kind)}
        for name in IMAGE_COLUMNS:
            if name in named:
                return named[name]
    if not candidates:
        columns = ", ".join(schema.names)
        raise InfoganError(f"{shown(source)} has no column of images, which are bytes, but {columns}.")
    if len(candidates) > 1:
        raise InfoganError(
            f"{shown(source)} has several columns of bytes, {', '.join(candidates)}; rename the one "
            "with the images to image."
        )
    return candidates[0]


def _is_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0 and _is_bytes(kind.field("bytes").type)
    if pa.types.is_dictionary(kind):
        return _is_bytes(kind.value_type)
    if _is_list(kind):
        return _is_bytes(kind.value_type)
    return any(test(kind) for test in (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view))


def _is_list(kind: pa.DataType) -> bool:
    return any(test(kind) for test in (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list))


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return any(test(kind) for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))


def find_label_column(schema: pa.Schema) -> str | None:
    """The column of labels, if one has a usual name and a type that can hold classes."""

    def holds_classes(kind: pa.DataType) -> bool:
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
        numbers = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean)
        return any(test(kind) for test in (*numbers, *texts))

    return next((c for c in LABEL_COLUMNS if c in schema.names and holds_classes(schema.field(c).type)), None)


def arrow_labels(
    parts: Sequence[pa.ChunkedArray], source: str, class_names: Sequence[str] | None
) -> Labels | None:
    """The labels of columns, one after the other; arguments as `to_labels`."""
    arrays: list[np.ndarray] = []
    for part in parts:
        kind = part.type.value_type if pa.types.is_dictionary(part.type) else part.type
        part = part.cast(kind)
        if pa.types.is_boolean(kind):
            part = part.cast(pa.int8())
        is_number = pa.types.is_integer(part.type) or pa.types.is_floating(part.type)
        is_unsigned = pa.types.is_unsigned_integer(part.type)
        if part.null_count and is_number:
            part = part.cast(pa.float64(), safe=False) if is_unsigned else part.fill_null(UNKNOWN)
        arrays.append(part.to_numpy() if is_number else np.array(part.to_pylist(), object))
    if len({array.dtype.kind == "O" for array in arrays}) > 1:  # numbers in one file, text in another
        arrays = [array.astype(object) for array in arrays]
    return to_labels(np.concatenate(arrays), source, class_names)


def _class_names(schema: pa.Schema, column: str | None) -> list[str] | None:
    """The names of a ClassLabel, which the library `datasets` keeps in the metadata of the schema."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        names = features[column]["names"]
        return [str(name) for name in names]
    except DECODE_ERRORS:
        return None


def _items(files: list[Path], counts: list[int], indices: Sequence[int] | None) -> Iterator[LazyImage]:
    first = 0
    for file, count in zip(files, counts, strict=True):
        wanted = None if indices is None else {i - first for i in indices if first <= i < first + count}
        if wanted is None or wanted:
            for row, value in _values(file, wanted):
                yield lazy_image(value, first + row)
        first += count


def _values(file: Path, wanted: set[int] | None) -> Iterator[tuple[int, Any]]:
    """Wanted rows and their values; row groups without any are not read."""
    with pq.ParquetFile(file) as opened:
        column = find_image_column(opened.schema_arrow, str(file))
        row = 0
        for group in range(opened.metadata.num_row_groups):
            size = opened.metadata.row_group(group).num_rows
            if wanted is None or any(row <= i < row + size for i in wanted):
                batches = opened.iter_batches(ROWS_PER_READ, row_groups=[group], columns=[column])
                for i, value in enumerate((value for batch in batches for value in batch.column(0)), row):
                    if wanted is None or i in wanted:
                        yield i, value.as_py()
            row += size


def lazy_image(value: Any, row: int, is_local: bool = False) -> LazyImage:
    """The image of a table cell: bytes, base64, nested lists of numbers, or a dict of bytes and path.

    Of bytes and path either may be missing. If there are no bytes, the path is opened if `is_local`. A list
    of one image is that image.
    """
    content: Any = value
    path: str | None = None
    if isinstance(content, list) and len(content) == 1 and isinstance(content[0], bytes | str | dict):
        content = content[0]
    if isinstance(content, dict):
        content, path = content.get("bytes"), content.get("path")
    return LazyImage(path or f"row {row}", partial(_open, content, path if is_local else None))


def _open(content: Any, path: str | None) -> Image.Image:
    match content:
        case None:
            if path is None:
                raise ValueError("empty")
            return open_image(path)
        case str():
            return open_image(_from_base64(content))
        case list():
            return _from_list(content)
    return open_image(content)


def _from_base64(text: str) -> bytes:
    """The bytes of a picture in base64, also as a data URI; nothing else that a text may be is opened."""
    encoded = text.partition(",")[2] if text.startswith("data:") else text
    try:
        content = base64.b64decode("".join(encoded.split()), validate=True)
    except ValueError:
        content = b""
    if not format_of(content[:N_PREFIX]):
        raise ValueError(f"{shown(text[:60])} is a text, but no image in base64; read files as folder:PATH")
    return content


def _from_list(value: list[Any]) -> Image.Image:
    """An image of encoded bytes as numbers, or of pixels: (h, w), (h, w, ch) or (ch, h, w)."""
    if value and not isinstance(value[0], int | float | list):
        raise ValueError(f"a list of {len(value)} images; give each a row of its own")
    x = np.array(value)
    if x.dtype.kind not in "iu" or x.ndim > 3 or not x.size or x.min() < 0 or x.max() > 255:
        raise ValueError("numbers other than whole ones from 0 to 255; save them as a .npz")
    x = x.astype(np.uint8)
    if x.ndim == 1:
        return open_image(x.tobytes())
    if x.ndim == 3 and x.shape[0] in (1, 3) and x.shape[2] not in (1, 3):
        x = x.transpose(1, 2, 0)
    if x.ndim == 3 and x.shape[2] not in (1, 3):
        raise ValueError(f"pixels of shape {x.shape}; images are (h, w), (h, w, ch) or (ch, h, w)")
    return Image.fromarray(np.ascontiguousarray(x[..., 0] if x.ndim == 3 and x.shape[2] == 1 else x))
