"""Options of `load`, and what is known of a data set before it is loaded."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, final

from infogan.config import UNKNOWN_SCALE, Config, PixelScale, Shape
from infogan.data.images import Factor, Images
from infogan.utils.errors import InfoganError


@final
@dataclass(frozen=True)
class LoadOptions:
    """Where to find data sets and how to read images."""

    root: Path | None = None  # the folder of data sets; None for the environment variable INFOGAN_DATA
    skip_bad: bool = False  # leave out unreadable images instead of raising an error
    pages: bool = False  # every page of a TIFF and every frame of an animation in a folder is an image
    shape: Shape | None = None  # resize your images to this shape; None keeps their size
    reduce: bool = False  # images of a data set are also brought to `shape`, if that is smaller
    square: Literal["crop", "pad"] = "crop"  # how images of another aspect ratio are fitted
    pixel_scale: PixelScale = UNKNOWN_SCALE  # of your images, if it is known; else it is found in them

    @property
    def data_folder(self) -> Path | None:
        """`root`, or else the folder that INFOGAN_DATA names, or else None."""
        return self.root or (Path(os.environ["INFOGAN_DATA"]) if os.environ.get("INFOGAN_DATA") else None)

    def find_path(self, candidates: Sequence[str]) -> Path | None:
        """The first of these relative paths that exists in the data folder, or None."""
        if self.data_folder is None:
            return None
        paths = (self.data_folder / candidate for candidate in candidates)
        return next((path for path in paths if path.exists()), None)

    def require_path(self, title: str, candidates: Sequence[str]) -> Path:
        """The first of these relative paths that exists in the data folder.

        `title` is the data set that the error names.
        """
        found = self.find_path(candidates)
        if found is not None:
            return found
        folder, files = self.data_folder, " or ".join(candidates)
        raise InfoganError(
            f"{title} is not on this machine; put {files} into a folder and set INFOGAN_DATA to that folder."
            if folder is None
            else f"{title} is not in {folder}; put {files} there, or set INFOGAN_DATA to another folder."
        )


DEFAULT_OPTIONS = LoadOptions()


def load_options_for(config: Config, load_options: LoadOptions) -> LoadOptions:
    """The load options by which images become what the networks of a config take."""
    data, shape = config.data, config.networks.image_shape
    return replace(
        load_options,
        skip_bad=load_options.skip_bad or data.skip_bad,
        shape=shape,
        reduce=config.networks.shape is not None,  # else they are of the shape that a table of the paper has
        square=data.square,
        pages=data.pages,
        pixel_scale=data.pixel_scale,
    )


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
