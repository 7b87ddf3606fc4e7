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
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = "\n".join((HERE / name).read_text("utf-8") for name in SCRIPTS)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("report.html").render(context, script=Markup(script), script_hash=digest)


def save_page(page: str, path: Path) -> None:
    """Writes the whole page or nothing, and makes missing folders.

    Raises:
        InfoganError: if it cannot be written.
    """
    with wrap_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, page.encode())
