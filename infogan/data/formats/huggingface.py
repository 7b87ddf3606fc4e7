"""Pictures of a data set of the library datasets: from the hub, or a folder of this machine."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from infogan.data.formats.collection import ImageCollection, Item
from infogan.data.formats.parquet import item, picture_column
from infogan.utils.errors import InfoganError, did_you_mean
from infogan.utils.progress import console

ROWS = 16  # read at a time


def find_hub(name: str, split: str = "") -> ImageCollection:
    """The pictures of NAME or NAME:SPLIT, where NAME is a folder or what the hub knows; train if not named.

    What the library fetches it keeps in caches of its own; with HF_HUB_OFFLINE=1 it fetches nothing. The
    first ClassLabel gives labels.

    Raises:
        InfoganError: where the library is not installed, the data set cannot be had, or has no pictures.
    """
    try:
        import datasets
    except ImportError as error:
        raise InfoganError("hf: needs the library datasets; pip install 'infogan[data]'.") from error
    shown = console()
    if shown.quiet or not shown.is_terminal:  # as for all progress of ours
        datasets.disable_progress_bars()
    name, split = split_name(name, split)
    try:
        if (Path(name) / "dataset_dict.json").exists() or (Path(name) / "state.json").exists():
            loaded: Any = datasets.load_from_disk(name)
        else:
            loaded = datasets.load_dataset(name)
    except Exception as error:  # of any kind: the library and its many readers raise what they like
        raise InfoganError(f"hf:{name} cannot be had ({_brief(error)}).") from error
    if isinstance(loaded, datasets.DatasetDict):
        split = split or ("train" if "train" in loaded else next(iter(loaded)))
        if split not in loaded:
            raise InfoganError(f"hf:{name} has no split {split!r}; " + did_you_mean(split, loaded))
        loaded = loaded[split]
    where = f"hf:{name}" + (f":{split}" if split else "")
    pictures = [key for key, kind in loaded.features.items() if isinstance(kind, datasets.Image)]
    column = pictures[0] if pictures else picture_column(loaded.features.arrow_schema, where)
    if not len(loaded):
        raise InfoganError(f"{where} has no rows.")
    rows = loaded.select_columns([column])
    if pictures:
        rows = rows.cast_column(column, datasets.Image(decode=False))
    labels = [key for key, kind in loaded.features.items() if isinstance(kind, datasets.ClassLabel)]
    return ImageCollection(
        where=where,
        key=where.replace(name, str(Path(name).resolve())) if Path(name).exists() else where,
        n=len(rows),
        items=partial(_items, rows, column),
        fingerprint=lambda: f"{loaded._fingerprint} {column}",
        labels=_labels(loaded, labels[0]) if labels else None,
        named=not item(rows[0][column], 0).name.startswith("row "),
    )


def split_name(name: str, split: str = "") -> tuple[str, str]:
    """NAME:SPLIT in its two parts; a folder may have a colon in its name."""
    last = re.fullmatch(r"(..+):(\w+)", name)
    if last and not Path(name).exists():
        return last[1], last[2]
    return name, split


def _brief(error: Exception) -> str:
    said = " ".join(str(error).split()).rstrip(".")
    return said[:300] or type(error).__name__


def _labels(rows: Any, column: str) -> Int[np.ndarray, "n"] | None:
    found = rows[column][:]
    labels = np.array([-1 if label is None else label for label in found], np.int64)
    return None if (labels < 0).any() else labels  # of a split whose labels are withheld


@contextmanager
def _items(rows: Any, column: str, index: Sequence[int] | None) -> Iterator[Iterator[Item]]:
    yield _chosen(rows, column, index)


def _chosen(rows: Any, column: str, index: Sequence[int] | None) -> Iterator[Item]:
    chosen = range(len(rows)) if index is None else index
    for start in range(0, len(chosen), ROWS):
        some = list(chosen[start : start + ROWS])
        for row, value in zip(some, rows[some][column], strict=True):
            yield item(value, row, is_here=True)
