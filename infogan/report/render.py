"""From what was gathered to one HTML file that asks the network for nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infogan.utils.errors import InfoganError
from infogan.utils.io import wrap_write_errors, write_atomic

HERE = Path(__file__).parent


def render(context: Mapping[str, Any]) -> str:
    """The page. All that comes from file names, tables and people is escaped."""
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise InfoganError("report needs Jinja2; pip install jinja2.") from error

    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(context)


def save_page(page: str, path: Path) -> None:
    """Writes it whole or not at all.

    Raises:
        InfoganError: where it cannot be written.
    """
    with wrap_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, page.encode())
