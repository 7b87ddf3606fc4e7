"""The run folders at a path, and the run that ships with the package."""

import json
from pathlib import Path

from infogan.runs.run import Run
from infogan.utils.environment import PACKAGE
from infogan.utils.errors import InfoganError


def find_runs(path: Path) -> list[Run]:
    """The run at a path, the runs in a folder of runs, or the runs listed in a NAME-sweep.json.

    Raises:
        InfoganError: if there is none.
    """
    if path.suffix == ".json":
        try:
            names = [Path(run).name for run in json.loads(path.read_text("utf-8"))["runs"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InfoganError(f"{path} is not the NAME-sweep.json of a sweep ({error}).") from error
        return [Run.open(path.parent / name) for name in names]
    inside = sorted(file.parent for file in path.glob("*/config.json"))
    if inside and not (path / "config.json").is_file():
        return [Run.open(run) for run in inside]
    return [Run.open(path)]


def shipped_run_path() -> Path:
    """The folder of the run that ships with the package: a small MNIST model (docs/results.md)."""
    return PACKAGE / "shipped" / "mnist"
