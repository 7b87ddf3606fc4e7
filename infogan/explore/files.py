"""The page's files, read once: no request can name a file that is not here."""

from importlib.resources import files
from typing import NamedTuple

TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class PageFile(NamedTuple):
    """What is sent of a file."""

    content: bytes
    media_type: str


def page_files() -> dict[str, PageFile]:
    """All files of the page by their names; what an editor left beside them is none."""
    found = {}
    for file in files("infogan.explore").joinpath("page").iterdir():
        media_type = TYPES.get(file.name[file.name.rfind(".") :])
        if media_type is not None and not file.name.startswith("."):
            found[file.name] = PageFile(file.read_bytes(), media_type)
    return found
