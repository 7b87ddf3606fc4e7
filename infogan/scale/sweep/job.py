"""One run of a sweep, trained and scored: in this process, or in another, which gets a job (`make_job`)."""

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

WIDTH = 10_000  # columns of the console whose output is captured: each warning stays on one line


class Failure(NamedTuple):
    """Why a run has no scores."""

    message: str
    diverged: bool  # a loss or gradient was not finite


class Outcome(NamedTuple):
    """How the runs of a sweep ended, as far as their folders do not show it."""

    failures: dict[Path, Failure]
    stopped: bool  # by a signal


@final
@dataclass(frozen=True)
class Report:
    """How a job ended: what its process reports to the sweep."""

    completed: bool  # the run has its scores, or was stopped because it collapsed
    failure: Failure | None = None
    warnings: tuple[str, ...] = ()

    def to_json(self) -> str:
        return json.dumps([self.completed, self.failure, self.warnings])

    @staticmethod
    def from_json(text: str) -> "Report":
        completed, failure, warnings = json.loads(text)
        return Report(completed, Failure(*failure) if failure else None, tuple(warnings))


def train_and_score(trial: Trial, load_options: LoadOptions, console: Console, stop_collapsed: bool) -> bool:
    """Starts or resumes a run, and scores it once it is trained.

    Args:
        stop_collapsed: ends the run if G's images collapse, and does not score it.

    Returns:
        Whether the run is complete: scored, or ended by a collapse. False if a signal stopped the training.

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
    """Whether the run has its scores, or was stopped because it collapsed."""
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
    """A job: all that another process needs to train and score the run, as JSON."""
    folder = load_options.data_folder
    return json.dumps(
        {
            "path": str(trial.path.resolve()),
            "config": trial.config.to_json(),
            "data": str(folder.resolve()) if folder else None,
            "stop_collapsed": stop_collapsed,
        }
    )


def run_job(text: str) -> Report:
    """Trains and scores the run of a job that `make_job` made."""
    job = json.loads(text)
    trial = Trial(Path(job["path"]), Config.from_json(job["config"]), {})
    load_options = LoadOptions(Path(job["data"]) if job["data"] else None)
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
    """Calls `wait` in a thread; when it returns, sends this process a SIGTERM, so that it saves and stops."""

    def stop() -> None:
        wait()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop, daemon=True).start()
