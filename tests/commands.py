"""Runs the command line: in this process, which is fast, in a fork of it, or in a process of its own."""

import contextlib
import functools
import io
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, final
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


def made_once(_: Collection[str], *, show_all: bool = False) -> "App":
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


@final
class Forked:
    """`infogan WORDS` in a fork of this process, which has imported everything: it starts at once.

    Has what these tests use of `subprocess.Popen`. What it prints goes to files.
    """

    def __init__(
        self, *words: str | Path, cwd: Path | None = None, before: Callable[[], None] = lambda: None
    ) -> None:
        """
        Args:
            before: what the child does first.
        """
        self.returncode: int | None = None
        self.printed = ("", "")
        # `poll` closes them when the child has ended.
        self.files = [tempfile.TemporaryFile() for _ in ("stdout", "stderr")]  # noqa: SIM115
        self.pid = os.fork()
        if not self.pid:
            self._run(words, cwd or Path.cwd(), before)

    def _run(self, words: tuple[str | Path, ...], cwd: Path, before: Callable[[], None]) -> NoReturn:
        """The child, which never returns to pytest."""
        status = 1
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            for descriptor, file in enumerate(self.files, 1):
                os.dup2(file.fileno(), descriptor)
            # Open until the child ends.
            sys.stdout, sys.stderr = (open(n, "w", buffering=1, encoding="utf-8") for n in (1, 2))  # noqa: SIM115
            os.environ["COLUMNS"] = "80"
            os.chdir(cwd)
            before()
            sys.argv = ["infogan", *map(str, words)]
            from infogan.cli import main

            main()
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
        except BaseException:
            traceback.print_exc()
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
                for file in self.files:
                    file.seek(0)
                self.printed = self.files[0].read().decode(), self.files[1].read().decode()
                for file in self.files:
                    file.close()
        return self.returncode

    def wait(self, timeout: float) -> int:
        """The exit status, once it has ended.

        Raises:
            subprocess.TimeoutExpired: if it takes longer.
        """
        until = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired("infogan", timeout)
            time.sleep(0.002)
        return status

    def communicate(self, timeout: float) -> tuple[str, str]:
        """What it printed on standard output and standard error, once it has ended."""
        self.wait(timeout)
        return self.printed

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)
