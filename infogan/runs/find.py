"""Which run folders a path stands for, and the one that comes with the package."""

import json
from pathlib import Path

from infogan.runs.run import Run
from infogan.utils.environment import PACKAGE
from infogan.utils.errors import InfoganError


def find_runs(path: Path) -> list[Run]:
    """The runs that a path stands for: one run, those of a NAME-sweep.json, or all in a folder.

    Raises:
        InfoganError: where there is none.
    """
    if path.suffix == ".json":
        try:
            names = [Path(run).name for run in json.loads(path.read_text())["runs"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InfoganError(f"{path} is not the NAME-sweep.json of a sweep ({error}).") from error
        return [Run.open(path.parent / name) for name in names]
    inside = sorted(file.parent for file in path.glob("*/config.json"))
    if inside and not (path / "config.json").is_file():
        return [Run.open(run) for run in inside]
    return [Run.open(path)]


def shipped() -> Path:
    """The run that comes with the package: a small model of MNIST; docs/results.md has its recipe."""
    return PACKAGE / "shipped" / "mnist"
