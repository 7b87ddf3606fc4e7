"""From the template to one HTML page that loads nothing from the network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from infogan.utils.io import wrap_write_errors, write_atomic

HERE = Path(__file__).parent


def render(context: Mapping[str, Any]) -> str:
    """The report; all values are escaped."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html").render(context)


def save_page(page: str, path: Path) -> None:
    """Writes the whole page or nothing, and makes missing folders.

    Raises:
        InfoganError: if it cannot be written.
    """
    with wrap_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, page.encode())
