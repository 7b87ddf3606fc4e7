"""What is known of a data set before it is loaded."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from infogan.data.images import Factor, Images
from infogan.data.options import LoadOptions


@final
@dataclass(frozen=True)
class DatasetInfo:
    """A data set: its description, its files and the function that loads it."""

    name: str
    description: str  # one line: what the images show, and the source
    licence: str
    shape: tuple[int, int, int]  # channels, height, width
    splits: dict[str, int]  # number of images per split; training uses the first
    load: Callable[[LoadOptions, str], Images]  # loads a split
    check_available: Callable[[LoadOptions, str], bool] | None = None  # if looking for `files` is not enough
    label_name: str = ""  # what the labels are, if there are any
    factors: tuple[Factor, ...] = ()
    files: tuple[str, ...] = ()  # alternatives, relative to the data folder; empty if no file is needed

    def is_available(self, load_options: LoadOptions, split: str) -> bool:
        """Whether `load` would find a split."""
        if self.check_available is not None:
            return self.check_available(load_options, split)
        return not self.files or load_options.find_path(self.files) is not None
