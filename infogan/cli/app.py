"""What the verbs share: options of the same name, and ways to print."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

Data = Annotated[Path | None, Parameter(help="The folder of data sets; else INFOGAN_DATA.")]
Json = Annotated[bool, Parameter(name="--json", help="Print JSON.", negative=())]
SkipBad = Annotated[
    bool, Parameter(help="Leave out pictures that cannot be read, and say how many.", negative=())
]


def print_paths(paths: Sequence[Path], as_json: bool) -> None:
    print(json.dumps([str(p) for p in paths]) if as_json else "\n".join(map(str, paths)))


def dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
