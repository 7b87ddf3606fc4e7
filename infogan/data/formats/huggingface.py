"""Images of a Hugging Face data set, from the hub or a local folder."""

import re
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pyarrow as pa

from infogan.data.formats.collection import ImageCollection, LazyImage
from infogan.data.formats.parquet import arrow_labels, find_image_column, find_label_column, lazy_image
from infogan.data.labels import Labels
from infogan.utils.errors import InfoganError, did_you_mean, one_line
from infogan.utils.progress import console

ROWS_PER_READ = 16
N_LISTED = 5  # configurations that a message lists


def open_huggingface(name: str, split: str = "") -> ImageCollection:
    """The images of NAME, NAME/CONFIG or either with :SPLIT, where NAME is a local folder or on the hub.

    The default split is train. Labels are the first ClassLabel, or a column called label or similar. The
    library keeps downloads in its own cache; with HF_HUB_OFFLINE=1 it downloads nothing.
    """
    try:
        import datasets
    except ImportError as error:
        raise InfoganError("hf: needs the package datasets; pip install 'infogan[data]'.") from error
    if console().quiet or not console().is_terminal:  # as for our own progress bars
        datasets.disable_progress_bars()
    name, split = split_name(name, split)
    try:
        if (Path(name) / "dataset_dict.json").exists() or (Path(name) / "state.json").exists():
            loaded: Any = datasets.load_from_disk(name)
        else:
            loaded = _load_dataset(name)
    except InfoganError:
        raise
    except Exception as error:  # of any type: the library calls many readers
        raise InfoganError(f"hf:{name} cannot be loaded ({one_line(error).rstrip('.')}).") from error
    if isinstance(loaded, datasets.DatasetDict):
        split = split or ("train" if "train" in loaded else next(iter(loaded)))
        if split not in loaded:
            raise InfoganError(f"hf:{name} has no split {split!r}; " + did_you_mean(split, loaded))
        loaded = loaded[split]
    source = f"hf:{name}" + (f":{split}" if split else "")
    image_columns = [key for key, kind in loaded.features.items() if isinstance(kind, datasets.Image)]
    column = image_columns[0] if image_columns else find_image_column(loaded.features.arrow_schema, source)
    if not len(loaded):
        raise InfoganError(f"{source} has no rows.")
    rows = loaded.select_columns([column])
    if image_columns:
        rows = rows.cast_column(column, datasets.Image(decode=False))
    class_labels = [key for key, kind in loaded.features.items() if isinstance(kind, datasets.ClassLabel)]
    label_column = (class_labels or [find_label_column(loaded.features.arrow_schema)])[0]
    return ImageCollection(
        source=source,
        key=source.replace(name, absolute_path(name) or name),
        n=len(rows),
        items=lambda indices: nullcontext(_items(rows, column, indices)),
        fingerprint=lambda: f"{loaded._fingerprint} {column}",
        labels=_labels(loaded, label_column, source) if label_column else None,
        has_file_names=not lazy_image(rows[0][column], 0).name.startswith("row "),
    )


def _load_dataset(name: str) -> Any:
    """The data set NAME or NAME/CONFIG; on the hub, ORGANISATION/NAME comes before NAME/CONFIG."""
    import datasets

    parent, slash, config = name.rpartition("/")
    is_config = slash and not Path(name).exists() and (Path(parent).exists() or parent.count("/") == 1)
    try:
        return datasets.load_dataset(parent, config) if is_config else datasets.load_dataset(name)
    except ValueError as error:  # also if the name of a config is missing or unknown
        base = parent if is_config else name
        configs = datasets.get_dataset_config_names(base)
        if config in configs if is_config else len(configs) < 2:
            raise
        named = ", ".join(f"hf:{base}/{each}" for each in configs[:N_LISTED])
        more = ", ..." if len(configs) > N_LISTED else ""
        raise InfoganError(
            f"hf:{base} has {len(configs)} configurations; choose one: {named}{more}."
        ) from error


def absolute_path(name: str) -> str | None:
    """The absolute path of a local data set, with a configuration if it has one; None if it is on the hub."""
    is_local = Path(name).exists() or ("/" in name and Path(name).parent.exists())
    return str(Path(name).resolve()) if is_local else None


def split_name(name: str, split: str = "") -> tuple[str, str]:
    """NAME:SPLIT as (NAME, SPLIT); the name of an existing folder may contain a colon."""
    last = re.fullmatch(r"(..+):(\w+)", name)
    if last and not Path(name).exists():
        return last[1], last[2]
    return name, split


def _labels(rows: Any, column: str, source: str) -> Labels | None:
    values = rows.select_columns([column]).with_format("arrow")[:][column]
    chunked = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
    return arrow_labels([chunked], source, getattr(rows.features[column], "names", None))


def _items(rows: Any, column: str, indices: Sequence[int] | None) -> Iterator[LazyImage]:
    chosen = range(len(rows)) if indices is None else indices
    for start in range(0, len(chosen), ROWS_PER_READ):
        block = list(chosen[start : start + ROWS_PER_READ])
        for row, value in zip(block, rows[block][column], strict=True):
            yield lazy_image(value, row, is_local=True)
