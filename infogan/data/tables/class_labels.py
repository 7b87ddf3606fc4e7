"""A table that names the class of some images, from which training may learn."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from infogan.data.labels import LABEL_COLUMNS, UNKNOWN, Labels, named_classes
from infogan.data.tables.matching import (
    NUMBER_COLUMNS,
    ROW_NUMBERS,
    match_by_name,
    match_by_number,
)
from infogan.data.tables.tables import parse_separated, read_table
from infogan.utils.errors import InfoganError, shown

N_SHOWN = 3  # of what is wrong


def read_class_labels(path: Path, names: Sequence[str] | None, n_images: int) -> Labels:
    """The classes that a table names, as `named_classes`; UNKNOWN for images without a row.

    One column says which image, by its file or its number, as in a table of metadata; another names the
    class, in text or whole numbers. The class column is called label, class, target or similar, or is the
    only other one. A negative class is unknown.

    Args:
        names: of all images of the data set.
        n_images: in the data set.

    Raises:
        InfoganError: if the table cannot be read, a row names no image or no class, or two rows name
            different classes of one image.
    """
    return _labels_of(read_table(path, "labels"), path, names, n_images)


def format_class_labels(classes: Mapping[str | int, str]) -> str:
    """A CSV table of these classes, as `read_class_labels` reads it.

    Args:
        classes: of images by their file names, or by their numbers if they have none.

    Raises:
        InfoganError: if it would read other classes, as some look like numbers: "1.5", or "3" and "03".
    """
    numbers = [image for image in classes if isinstance(image, int)]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["index" if numbers else "file", "label"])
    writer.writerows(classes.items())
    text = file.getvalue()
    names = None if numbers else [str(image) for image in classes]
    read = _labels_of(
        parse_separated(text), Path("labels.csv"), names, max(numbers, default=len(classes)) + 1
    )
    found = read.numbers[numbers or slice(len(classes))].tolist()
    pairs = set(zip(classes.values(), found, strict=True))
    if UNKNOWN in found or not len(pairs) == len(set(found)) == len(set(classes.values())):
        raise InfoganError(
            f"labels: a table takes the classes {', '.join(sorted(set(classes.values())))} for numbers, of "
            "which some are equal or negative; give them other names."
        )
    return text


def _labels_of(table: pa.Table, path: Path, names: Sequence[str] | None, n_images: int) -> Labels:
    matches = match_by_name(table, names) if names else match_by_number(table, n_images)
    match = next((found for found in matches if found.rows), None)
    if match is None:
        raise InfoganError(f"labels: no row of {path} names an image; {_how_to_name(names, n_images)}")
    images = table.column(match.column).to_pylist()
    classes = _class_column(path, table, match.column)
    image_of = {str(images[row]): image for image, row in match.rows.items()}
    strangers = [shown(str(image)) for image in images if str(image) not in image_of]
    if strangers:
        raise InfoganError(
            f"labels: {len(strangers):,} of the {table.num_rows:,} rows of {path} name no image, such as "
            f"{', '.join(strangers[:N_SHOWN])}; {_how_to_name(names, n_images)}"
        )
    found: dict[int, str] = {}
    for image, name in zip(images, classes, strict=True):
        if not name:
            raise InfoganError(f"labels: {path} names no class for {image}; leave out such rows.")
        if (other := found.setdefault(image_of[str(image)], name)) != name:
            raise InfoganError(f"labels: {path} calls {image} {other!r} and {name!r}; keep one of them.")
    return _to_labels(found, n_images, path)


def _how_to_name(names: Sequence[str] | None, n_images: int) -> str:
    if names is None:
        return (
            "these images have no file names, so a column called "
            f"{', '.join(NUMBER_COLUMNS[:-1])} or {NUMBER_COLUMNS[-1]} has to hold whole numbers from 0 to "
            f"{n_images - 1:,}."
        )
    return f"the images are called {', '.join(map(repr, names[:N_SHOWN]))}."


def _class_column(path: Path, table: pa.Table, of_images: int) -> list[str]:
    """The class in each row, as text; "" if there is none."""
    others = [name for j, name in enumerate(table.column_names) if j != of_images and name not in ROW_NUMBERS]
    named = [name for known in LABEL_COLUMNS for name in others if name.strip().lower() == known]
    if not named and len(others) != 1:
        raise InfoganError(
            f"labels: {path} has the columns {', '.join(table.column_names)}; call the one that holds the "
            "classes label."
        )
    return [_class_name(path, value) for value in table.column((named or others)[0]).to_pylist()]


def _class_name(path: Path, value: Any) -> str:
    if isinstance(value, float):
        if value != value:
            return ""
        if not value.is_integer():
            raise InfoganError(
                f"labels: {path} holds the class {value}, but a class is a whole number or a text."
            )
        value = int(value)
    return "" if value is None else str(value).strip()


def _to_labels(found: dict[int, str], n_images: int, path: Path) -> Labels:
    try:
        number_of = {name: max(int(name), UNKNOWN) for name in set(found.values())}
        texts = None
    except ValueError:
        texts = tuple(sorted(set(found.values())))
        number_of = {name: i for i, name in enumerate(texts)}
    numbers = np.full(n_images, UNKNOWN, np.int64)
    for image, name in found.items():
        numbers[image] = number_of[name]
    if not (numbers != UNKNOWN).any():
        raise InfoganError(f"labels: {path} names no class; -1 stands for an unknown one.")
    return named_classes(Labels(numbers, texts))
