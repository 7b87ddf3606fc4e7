"""The page's files, read once, so that no request can name any other file."""

from importlib.resources import files
from typing import NamedTuple

MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class StaticFile(NamedTuple):
    content: bytes
    media_type: str


def read_static_files() -> dict[str, StaticFile]:
    """The files by name; hidden files and those of other types, such as an editor's backups, are left out."""
    return {
        file.name: StaticFile(file.read_bytes(), MEDIA_TYPES[suffix])
        for file in files("infogan.explore").joinpath("page").iterdir()
        if (suffix := file.name[file.name.rfind(".") :]) in MEDIA_TYPES and not file.name.startswith(".")
    }
