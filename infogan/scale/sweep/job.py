"""Trains and scores one run of a sweep: in this process, or in another that gets the job as JSON."""

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
from infogan.scale.sweep.trials import Trial
from infogan.training import launch
from infogan.training.health import HealthMonitor
from infogan.utils.errors import InfoganError, NonFiniteError

WIDTH = 10_000  # columns, so that no captured warning is wrapped


class Failure(NamedTuple):
    """Why a run has no scores."""

    message: str
    diverged: bool  # a loss or gradient was not finite


class Outcome(NamedTuple):
    """How the runs of a sweep ended, beyond what their folders say."""

    failures: dict[Path, Failure]
    stopped: bool  # by a signal


@final
@dataclass(frozen=True)
class Report:
    """What a process reports about the run that it trained."""

    completed: bool  # scored, or stopped at a mode collapse
    failure: Failure | None = None
    warnings: tuple[str, ...] = ()

    def to_json(self) -> str:
        return json.dumps([self.completed, self.failure, self.warnings])

    @staticmethod
    def from_json(text: str) -> "Report":
        completed, failure, warnings = json.loads(text)
        return Report(completed, Failure(*failure) if failure else None, tuple(warnings))


def train_and_score(trial: Trial, load_options: LoadOptions, console: Console, stop_collapsed: bool) -> bool:
    """Starts or resumes a run, and writes its scores, unless it collapsed; False if stopped by a signal.

    Raises:
        InfoganError: as `launch.train`, `launch.resume` and `evaluate_run`.
    """
    if not trial.done:
        if stop_collapsed and collapse_step(trial) is not None:
            return True
        if trial.begun:
            outcome = launch.resume(trial.path, {}, load_options, console, stop_collapsed=stop_collapsed)
        else:
            outcome = launch.train(
                trial.config, trial.path, load_options, console, stop_collapsed=stop_collapsed
            )
        if not outcome.finished:
            return stop_collapsed and collapse_step(trial) is not None
    with console.status("") as status:
        load_or_evaluate(Run.open(trial.path), load_options, status.update)
    return True


def is_complete(trial: Trial, stop_collapsed: bool) -> bool:
    """Whether the run has its scores, or was stopped at a collapse."""
    if trial.done:
        return read_evaluation(Run.open(trial.path)) is not None
    return stop_collapsed and collapse_step(trial) is not None


def collapse_step(trial: Trial) -> int | None:
    """The step at which the monitor warned of a mode collapse, from metrics.jsonl; None if it did not."""
    monitor = HealthMonitor({}, None, lambda _: None)
    for row in Run(trial.path, trial.config).metrics():
        monitor(row)
        if monitor.has_collapsed:
            return int(row["step"])
    return None


def make_job(trial: Trial, load_options: LoadOptions, stop_collapsed: bool) -> str:
    """All that another process needs to train the run, as JSON."""
    folder = load_options.data_folder
    return json.dumps(
        {
            "path": str(trial.path.resolve()),
            "config": trial.config.to_json(),
            "data": str(folder.resolve()) if folder else None,
            "skip_bad": load_options.skip_bad,
            "stop_collapsed": stop_collapsed,
        }
    )


def run_job(text: str) -> Report:
    """Trains and scores the run of a job."""
    job = json.loads(text)
    trial = Trial(Path(job["path"]), Config.from_json(job["config"]), {})
    load_options = LoadOptions(Path(job["data"]) if job["data"] else None, job["skip_bad"])
    output, completed, failure = io.StringIO(), False, None
    try:
        completed = train_and_score(
            trial, load_options, Console(file=output, width=WIDTH), job["stop_collapsed"]
        )
    except InfoganError as error:
        failure = Failure(str(error), isinstance(error, NonFiniteError))
    lines = output.getvalue().splitlines()
    warnings = tuple(line.strip() for line in lines if line.startswith("warning: "))
    return Report(completed, failure, warnings)


def stop_after(wait: Callable[[], object]) -> None:
    """Asks this process to save and stop, by SIGTERM, once `wait` returns in a thread."""

    def stop() -> None:
        wait()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop, daemon=True).start()
