"""From the template to one HTML page that loads nothing from the network."""

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from infogan.utils.io import wrap_write_errors, write_atomic

HERE = Path(__file__).parent
SCRIPTS = ("map_colours.js", "map.js", "map_input.js")  # of the map, one after the other


def render(context: Mapping[str, Any]) -> str:
    """The report; all values are escaped, and its policy allows no script but that of the map."""
    script = map_script()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    template = make_environment().get_template("report.html")
    return template.render(context, script=Markup(script), script_hash=digest)


def make_environment(*folders: Path) -> Environment:
    """Of the templates in these folders and here, which escape all values."""
    return Environment(
        loader=FileSystemLoader([*folders, HERE]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def map_script() -> str:
    """The script of map.html, a module."""
    return "\n".join((HERE / name).read_text("utf-8") for name in SCRIPTS)


def style() -> str:
    """The style sheet of map.html and of the report."""
    return (HERE / "page.css").read_text("utf-8")


def save_page(page: str, path: Path) -> None:
    """Writes the whole page or nothing, and makes missing folders.

    Raises:
        InfoganError: if it cannot be written.
    """
    with wrap_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, page.encode())
