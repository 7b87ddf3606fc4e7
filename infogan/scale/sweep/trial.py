"""One run of a sweep from start to score, in this process or, told by JSON, in another."""

import io
import json
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, final

from rich.console import Console

from infogan.config import Config
from infogan.data import LoadOptions
from infogan.evaluation import load_or_evaluate, read_evaluation
from infogan.runs.run import Run
from infogan.scale.sweep.plan import Trial
from infogan.training import launch
from infogan.training.health import HealthMonitor
from infogan.utils.errors import InfoganError, NonFiniteError

WIDE = 10_000  # columns, so that no line that is passed on is broken


class Failure(NamedTuple):
    """Why a run has no scores."""

    said: str
    diverged: bool  # a loss was no finite number, which is a finding; all else is to be put right


class Ended(NamedTuple):
    """How the runs of a sweep ended, but for what their folders say."""

    failures: dict[Path, Failure]
    stopped: bool  # somebody asked to


@final
@dataclass(frozen=True)
class Report:
    """What a process that trained a run says of it."""

    ended: bool
    failure: Failure | None
    warnings: list[str]

    def to_json(self) -> str:
        return json.dumps([self.ended, self.failure, self.warnings])

    @staticmethod
    def from_json(text: str) -> "Report":
        ended, failure, warnings = json.loads(text)
        return Report(ended, Failure(*failure) if failure else None, warnings)


def train_and_score(trial: Trial, load_options: LoadOptions, console: Console, stop_collapsed: bool) -> bool:
    """Begins a run or goes on with it, and leaves its scores in its folder; one that collapsed has none.

    Gives whether that was done, or else somebody asked to stop.

    Raises:
        InfoganError: what `launch.train`, `launch.resume` and `evaluate_run` raise.
    """
    if stop_collapsed and collapsed_at(trial) is not None and not trial.done:
        return True
    if not trial.done:
        if trial.begun:
            outcome = launch.resume(trial.path, {}, load_options, console, stop_collapsed=stop_collapsed)
        else:
            outcome = launch.train(
                trial.config, trial.path, load_options, console, stop_collapsed=stop_collapsed
            )
        if not outcome.finished:
            return stop_collapsed and collapsed_at(trial) is not None
    with console.status("") as status:
        load_or_evaluate(Run.open(trial.path), load_options, status.update)
    return True


def nothing_left(trial: Trial, stop_collapsed: bool) -> bool:
    """Whether the run has its scores, or has ended without."""
    if trial.done:
        return read_evaluation(Run.open(trial.path)) is not None
    return stop_collapsed and collapsed_at(trial) is not None


def collapsed_at(trial: Trial) -> int | None:
    """The step at which the monitor warned of a mode collapse, from metrics.jsonl; None if it did not."""
    monitor = HealthMonitor({}, None, lambda _: None)
    for row in Run(trial.path, trial.config).metrics():
        monitor(row)
        if monitor.has_collapsed:
            return int(row["step"])
    return None


def as_job(trial: Trial, load_options: LoadOptions, stop_collapsed: bool) -> str:
    """What another process has to be told to train the run, as JSON."""
    folder = load_options.folder
    return json.dumps(
        {
            "path": str(trial.path.resolve()),
            "config": trial.config.to_json(),
            "data": str(folder.resolve()) if folder else None,
            "skip_bad": load_options.skip_bad,
            "stop_collapsed": stop_collapsed,
        }
    )


def do_job(text: str) -> Report:
    """Trains and scores the run that `as_job` told of; what it warns of is in the report."""
    job = json.loads(text)
    trial = Trial(Path(job["path"]), Config.from_json(job["config"]), {})
    load_options = LoadOptions(Path(job["data"]) if job["data"] else None, job["skip_bad"])
    heard, ended, failure = io.StringIO(), False, None
    try:
        ended = train_and_score(trial, load_options, Console(file=heard, width=WIDE), job["stop_collapsed"])
    except InfoganError as error:
        failure = Failure(str(error), isinstance(error, NonFiniteError))
    warnings = [line.strip() for line in heard.getvalue().splitlines() if line.startswith("warning: ")]
    return Report(ended, failure, warnings)


def stop_when(wait: Callable[[], object]) -> None:
    """Has this process asked to stop, as by Ctrl-C, once `wait` returns in a thread of its own."""

    def ask() -> None:
        wait()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=ask, daemon=True).start()
