"""What of the name of images may be told to others."""

from pathlib import Path

from infogan.data import SOURCES


def without_path(images: str) -> str:
    """The same source, files of one's own without the folders above them: folder:photos."""
    kind, colon, rest = images.partition(":")
    if kind in SOURCES or kind == "hf":
        return images
    return f"{kind}:{Path(rest).name}" if colon else Path(images).name
