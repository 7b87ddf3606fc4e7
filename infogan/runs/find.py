"""The run folders at a path, and the runs that ship with the package."""

import json
from collections.abc import Callable
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


def shipped_run_path(name: str = "mnist") -> Path:
    """The folder of the run of a preset that ships, if one does (docs/results/own-images.md)."""
    return PACKAGE / "shipped" / name


def shipped_names() -> list[str]:
    """The presets of which a run ships with the package."""
    return sorted(file.parent.name for file in shipped_run_path().parent.glob("*/config.json"))


def open_run_or_shipped(path: Path, on_shipped: Callable[[str], None]) -> Run:
    """The run in a folder, or, if there is none, the one of that name that ships with the package.

    Args:
        on_shipped: called with a line that says so.

    Raises:
        InfoganError: if there is neither.
    """
    if not (path / "config.json").is_file() and str(path) in shipped_names():
        on_shipped(f"there is no run {path} here; taking the model of that name that ships with the package.")
        return Run.open(shipped_run_path(str(path)))
    return Run.open(path)
