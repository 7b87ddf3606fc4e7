"""Runs the command line: in this process, which is fast, or in a process of its own."""

import contextlib
import functools
import io
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import patch

if TYPE_CHECKING:
    from cyclopts import App

ROOT = Path(__file__).parent.parent
ENV = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "COLUMNS": "80"}


class Result(NamedTuple):
    """What a command did."""

    status: int
    out: str
    err: str


@functools.lru_cache(maxsize=1)  # one at a time: those with and without `show_all` share functions
def _made(show_all: bool, presets: frozenset[Any]) -> "App":
    from infogan.cli import make_app

    return make_app(show_all=show_all)


def made_once(*, show_all: bool = False) -> "App":
    """`make_app`, once for each table of presets: it takes longer than most commands of the tests."""
    from infogan.config.presets import PRESETS

    return _made(show_all, frozenset(PRESETS.items()))


def run(*words: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> Result:
    """`infogan WORDS` in this process, with captured output and nothing of it left in the process."""
    from infogan.cli import main

    out, err, status = io.StringIO(), io.StringIO(), 0
    with (
        patch.dict(os.environ, {"COLUMNS": "80", **(env or {})}),
        patch.object(sys, "argv", ["infogan", *map(str, words)]),
        patch("infogan.cli.app.make_app", made_once),
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
    return Result(status, out.getvalue(), err.getvalue())


def succeed(*words: str | Path, cwd: Path) -> str:
    """The standard output of a command that must succeed."""
    result = run(*words, cwd=cwd)
    assert result.status == 0, result.err
    return result.out


def fail(*words: str | Path, cwd: Path) -> str:
    """The one line on standard error of a command that must fail."""
    result = run(*words, cwd=cwd)
    assert (result.status, result.out) == (2, ""), result
    assert result.err.startswith("infogan: "), result.err
    assert result.err.count("\n") == 1, result.err
    return result.err


def command(*words: str | Path) -> list[str]:
    """The argument list of `infogan WORDS` for a process of its own."""
    return [sys.executable, "-m", "infogan", *map(str, words)]


def run_process(*words: str | Path, cwd: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """`infogan WORDS` in a process of its own."""
    options = {"env": ENV, "timeout": 90, "capture_output": True, **options}
    return subprocess.run(command(*words), cwd=cwd, text=True, check=False, **options)
