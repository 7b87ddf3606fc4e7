"""Labels: the class of each image, as every source of images states it.

They serve evaluation only; training learns from no labels but those that a person hands over for it
(`Images.training_labels`).
"""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
from jaxtyping import Bool, Int

from infogan.utils.errors import shown

UNKNOWN = -1
# What columns of labels are called in public data sets, the most usual first.
LABEL_COLUMNS = ("label", "labels", "class", "classes", "target", "targets", "category", "y", "fine_label")
NO_CLASS = ("", "nan", "-1")  # texts that stand for an unknown label
SPLITS = ("train", "training", "test", "testing", "val", "valid", "validation", "dev")


@final
@dataclass(frozen=True)
class Labels:
    """The class of each image: a number from 0 on, or UNKNOWN.

    A number is a name, not a position: the classes may be 7 and 10^12.
    """

    numbers: Int[np.ndarray, "n"]
    names: tuple[str, ...] | None = None  # of the classes 0, 1, ...; None if their numbers are their names

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def is_known(self) -> Bool[np.ndarray, "n"]:
        known: np.ndarray = self.numbers != UNKNOWN
        return known

    def take(self, index: Int[np.ndarray, "k"]) -> "Labels":
        """The labels of some images."""
        return replace(self, numbers=self.numbers[index])

    def drop(self, index: Sequence[int]) -> "Labels":
        """The labels of all images but some."""
        return replace(self, numbers=np.delete(self.numbers, index))

    def name(self, number: int) -> str:
        """How a class is called; "unknown" for UNKNOWN."""
        if number == UNKNOWN:
            return "unknown"
        return str(number) if self.names is None else self.names[number]


def named_classes(labels: Labels) -> Labels:
    """The same labels, with the classes that occur numbered 0, 1, ... in their order, and named."""
    classes = np.unique(labels.numbers[labels.is_known])
    numbers = np.where(labels.is_known, np.searchsorted(classes, labels.numbers), UNKNOWN)
    return Labels(numbers, tuple(labels.name(number) for number in classes.tolist()))


def to_labels(values: Any, source: str, names: Sequence[str] | None = None) -> Labels | None:
    """Labels from numbers or text, (n,) or (n, 1); None if no image has one.

    Unknown are negative numbers, NaN, and the texts "", "nan" and "-1". Values that cannot be classes, such
    as fractions or several per image, are not used, and a line on standard error says so.

    Args:
        source: where the values are from, as that line names it.
        names: of the classes 0, 1, ... if the source has both numbers and names.
    """
    found = np.asarray(values)
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if found.ndim != 1:
        return _report_unused(source, f"have shape {found.shape}, not one class per image")
    if found.dtype.kind in "OSU":
        return labels_from_text([_to_text(value) for value in found.tolist()])
    if found.dtype.kind not in "biuf":
        return _report_unused(source, f"are of type {found.dtype}")
    if found.dtype.kind == "f":
        found = np.where(np.isfinite(found), found, UNKNOWN)
        fractions = found[found != np.rint(found)]
        if fractions.size:
            return _report_unused(source, f"hold {fractions[0]:g}, but a class is a whole number or a text")
        found = np.maximum(found, UNKNOWN)
    if int(found.max(initial=0)) >= 2**63:  # a hash as a name
        return labels_from_text([str(int(value)) for value in found])
    numbers = found.astype(np.int64, copy=False)
    if (numbers < UNKNOWN).any():
        numbers = np.maximum(numbers, UNKNOWN)
    if not (numbers != UNKNOWN).any():
        return None  # a split whose labels are withheld
    if names is None or numbers.max() >= len(names):
        return Labels(numbers)
    return Labels(numbers, tuple(map(str, names)))


def labels_from_text(texts: Sequence[str]) -> Labels | None:
    """The labels of texts, whose classes are numbered in alphabetical order; None if no image has one."""
    names = sorted(set(texts).difference(NO_CLASS))
    if not names:
        return None
    number = {name: i for i, name in enumerate(names)}
    return Labels(np.array([number.get(text, UNKNOWN) for text in texts], np.int64), tuple(names))


def labels_from_folders(files: Sequence[str], separator: str) -> Labels | None:
    """A folder per class, as in torchvision's ImageFolder: the first folder that is not common to all files.

    Folders of splits, such as train and test, are no classes, but the folders in them are. A file beside the
    folders has an unknown label. None if there are fewer than two classes, or no class has two images.
    """
    folders = [file.split(separator)[:-1] for file in files]
    common = next((i for i, names in enumerate(zip(*folders, strict=False)) if len(set(names)) > 1), None)
    common = min(map(len, folders)) if common is None else common
    below = [folder[common:] for folder in folders]
    if {folder[0].lower() for folder in below if folder} <= set(SPLITS):
        below = [folder[1:] for folder in below]
    classes = [folder[0] if folder else "" for folder in below]
    counts = Counter(name for name in classes if name)
    if len(counts) < 2 or max(counts.values()) < 2:
        return None
    return labels_from_text([name.encode("utf-8", "backslashreplace").decode() for name in classes])


def _to_text(value: Any) -> str:
    if value is None:
        return ""
    return (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)).strip()


def _report_unused(source: str, reason: str) -> Labels | None:
    print(f"the labels of {shown(source)} {reason}; they are not used.", file=sys.stderr)
    return None
