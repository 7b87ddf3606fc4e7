"""Options of `load`, and the folder of data sets."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, final

from infogan.config import Shape
from infogan.utils.errors import InfoganError


@final
@dataclass(frozen=True)
class LoadOptions:
    """Where to find data sets and how to read images."""

    root: Path | None = None  # the folder of data sets; None for the environment variable INFOGAN_DATA
    skip_bad: bool = False  # leave out unreadable images instead of raising an error
    shape: Shape | None = None  # resize your images to this shape; None keeps their size
    square: Literal["crop", "pad"] = "crop"  # how images of another aspect ratio are fitted

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

        Raises:
            InfoganError: if none exists; `title` is the data set that the message names.
        """
        found = self.find_path(candidates)
        if found is not None:
            return found
        files = " or ".join(candidates)
        if self.data_folder is None:
            raise InfoganError(
                f"{title} is not on this machine; put {files} into a folder and set INFOGAN_DATA "
                "to that folder."
            )
        raise InfoganError(
            f"{title} is not in {self.data_folder}; put {files} there, or set INFOGAN_DATA to another folder."
        )


DEFAULT_OPTIONS = LoadOptions()
