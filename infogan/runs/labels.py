"""The labels that a run learned from, so that a resumed run and a report know.

labels.json       {"table": "labels.csv", "fingerprint": "3f…", "classes": ["cat", "dog"],
                   "images": [{"image": 7, "file": "a.jpg", "class": "cat"}]}; no "file" without file names
categories.json   what labels call the first categories of a code: {"c1": ["cat", "dog"]}
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from infogan.data.labels import UNKNOWN, Labels
from infogan.runs.checkpoints import checksum
from infogan.runs.run import LABELS_FILE, Run
from infogan.utils.errors import InfoganError
from infogan.utils.io import make_folder, read_json_object, wrap_write_errors

CATEGORIES_FILE = "categories.json"


def labels_fingerprint(labels: Labels | None) -> str:
    """Changes with any label; "" without labels."""
    if labels is None:
        return ""
    return checksum({"labels": torch.from_numpy(labels.numbers)}, {"names": json.dumps(labels.names)})[:16]


def write_labels(run: Run, labels: Labels, names: Sequence[str] | None) -> None:
    """Records the labels of a run's images, as `named_classes`.

    Args:
        names: of the files of all images.
    """
    images: list[dict[str, Any]] = [
        {"image": i, **({"file": names[i]} if names else {}), "class": labels.name(int(labels.numbers[i]))}
        for i in np.flatnonzero(labels.is_known).tolist()
    ]
    content = {
        "table": run.config.data.labels,
        "fingerprint": labels_fingerprint(labels),
        "classes": labels.names,
        "images": images,
    }
    with wrap_write_errors(run.path):
        make_folder(run.path)
    run.write_json(LABELS_FILE, content)


def read_labels(run: Run, n_images: int) -> Labels:
    """The labels that `write_labels` recorded.

    Raises:
        InfoganError: if they are missing, were changed, or do not fit the images.
    """
    file = run.path / LABELS_FILE
    try:
        content = json.loads(file.read_text("utf-8"))
        classes = tuple(map(str, content["classes"]))
        numbers = np.full(n_images, UNKNOWN, np.int64)
        for row in content["images"]:
            numbers[row["image"]] = classes.index(row["class"])
        fingerprint = content["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise InfoganError(
            f"{file} cannot be read as the labels of {n_images:,} images ({error})."
        ) from error
    labels = Labels(numbers, classes)
    if labels_fingerprint(labels) != fingerprint:
        raise InfoganError(f"{file} was changed, or the images were; put back what the run began with.")
    return labels


def write_category_names(run: Run, names: Mapping[int, Sequence[str]]) -> None:
    """Records what labels call the first categories of codes, by the code's number, counted from 0."""
    run.write_json(CATEGORIES_FILE, {f"c{code + 1}": list(of_code) for code, of_code in names.items()})


def write_code_names(run: Run, names: Mapping[int, str]) -> None:
    """Names codes, by their number, counted from 0; a name that a code has already stays."""
    run.write_json("names.json", {f"c{code + 1}": name for code, name in names.items()} | run.code_names())


def n_labelled(run: Run) -> str:
    """Of how many images training was told the class, such as "100 images of 10 classes"; "" if of none."""
    found = read_json_object(run.path / LABELS_FILE)
    try:
        n, n_classes = len(found["images"]), len(found["classes"])
    except (KeyError, TypeError):
        return ""
    return f"{n:,} image{'s' * (n > 1)} of {n_classes} class{'es' * (n_classes > 1)}"


def labelled_categories(run: Run) -> dict[str, dict[int, str]]:
    """What labels call the categories of a code, by code and category; empty without labels."""
    found = read_json_object(run.path / CATEGORIES_FILE)
    return {
        code: dict(enumerate(names))
        for code, names in found.items()
        if isinstance(names, list) and all(isinstance(name, str) for name in names)
    }


def category_names(run: Run) -> dict[str, dict[int, str]]:
    """What categories are called, by code and category: by people, in the explorer, or else by labels."""
    found = labelled_categories(run)
    for key, name in run.code_names().items():
        code, _, category = key.partition("=")
        if category:
            found.setdefault(code, {})[int(category)] = name
    return found
