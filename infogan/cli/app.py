"""The program that the verbs hang on, and what they share: options of the same name, ways to print."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

if TYPE_CHECKING:
    from rich.console import Console

EXIT = "Exit status: 0 done; 2 something about the input was wrong; 130 stopped by Ctrl-C, all saved."

app = App(
    name="infogan",
    help="Finds the factors of variation in unlabelled images and hands them over as knobs.",
    help_epilogue=EXIT,
    default_parameter=Parameter(consume_multiple=True, negative_iterable=()),
)

Data = Annotated[Path | None, Parameter(help="The folder of data sets; else INFOGAN_DATA.")]
Json = Annotated[bool, Parameter(name="--json", help="Print JSON.", negative=())]
SkipBad = Annotated[
    bool, Parameter(help="Leave out pictures that cannot be read, and say how many.", negative=())
]


def console() -> "Console":
    """Where progress goes: standard error."""
    from rich.console import Console

    return Console(stderr=True)


def print_paths(paths: Sequence[Path], as_json: bool) -> None:
    print(json.dumps([str(p) for p in paths]) if as_json else "\n".join(map(str, paths)))


def dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
