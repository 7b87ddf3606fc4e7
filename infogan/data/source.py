"""What a data set says of itself before it is loaded, and how its files are found and read."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, final

from infogan.config import Shape
from infogan.data.images import Factor, Images
from infogan.utils.errors import InfoganError


@final
@dataclass(frozen=True)
class LoadOptions:
    """How to read: from which folder of data sets, and whether pictures that are broken are left out."""

    root: Path | None = None  # None takes INFOGAN_DATA
    skip_bad: bool = False
    shape: Shape | None = None  # what images of one's own are brought to; None leaves them as they are
    square: Literal["crop", "pad"] = "crop"  # how they become squares

    @property
    def folder(self) -> Path | None:
        """The folder of data sets: the one that was named, else `INFOGAN_DATA`, else none."""
        return self.root or (Path(os.environ["INFOGAN_DATA"]) if os.environ.get("INFOGAN_DATA") else None)

    def find(self, what: str, candidates: Sequence[str]) -> Path:
        """The first of these paths below the folder that is there.

        Raises:
            InfoganError: where none is, saying which files to put where.
        """
        files = " or ".join(candidates)
        if self.folder is None:
            raise InfoganError(
                f"{what} is not on this machine; put {files} into a folder and name the folder by --data "
                "or INFOGAN_DATA."
            )
        found = self.look(candidates)
        if found is None:
            raise InfoganError(
                f"{what} is not in {self.folder}; put {files} there, or name another folder by --data."
            )
        return found

    def look(self, candidates: Sequence[str]) -> Path | None:
        """The first of these paths below the folder that is there, if one is."""
        if self.folder is None:
            return None
        paths = (self.folder / candidate for candidate in candidates)
        return next((path for path in paths if path.exists()), None)


@final
@dataclass(frozen=True)
class DatasetInfo:
    """A data set by name."""

    name: str
    about: str  # one line: what it shows, and whose it is
    licence: str
    shape: tuple[int, int, int]  # channels, height, width
    splits: dict[str, int]  # the images of each; the first is what training takes
    load: Callable[[LoadOptions, str], Images]  # the images of a split
    has: Callable[[LoadOptions, str], bool] = lambda load_options, split: (
        True
    )  # whether a split can be had here
    labels: str = ""  # what the labels name, where there are any
    factors: tuple[Factor, ...] = ()
    files: tuple[str, ...] = ()  # what is looked for below the folder; empty where nothing is needed
