"""Trains the runs of a sweep on a Ray cluster: Ray Tune places them, and restarts lost ones.

Runs live in a folder that all machines share; a file there proves that they see the same folder, and tells
them when to save and stop.
"""

import json
import os
import shutil
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, final
from uuid import uuid4

import torch

os.environ.setdefault(
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1"
)  # they would write what the runs write already
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")

from ray import tune
from ray.tune import Callback, CheckpointConfig, FailureConfig, RunConfig, Trainable, TuneConfig, Tuner
from rich.console import Console
from rich.status import Status

from infogan.data import LoadOptions
from infogan.scale.sweep.job import Failure, Outcome, Report, is_complete, make_job, run_job, stop_after
from infogan.scale.sweep.processes import print_report
from infogan.scale.sweep.stop_file import POLL_SECONDS, StopFile, wait_for_lock
from infogan.scale.sweep.trials import Trial
from infogan.training.signals import stop_requests
from infogan.utils.errors import InfoganError, one_line
from infogan.utils.io import make_folder, wrap_write_errors

MAX_RETRIES = 5  # of a run whose machine or process was lost


@final
class TrainRun(Trainable):
    """One run in a process of the cluster; its only step is the whole training with its scores."""

    def setup(self, config: dict[str, Any]) -> None:
        self.task = json.loads(config["task"])

    def step(self) -> dict[str, Any]:
        return {"report": self.train_run().to_json(), "done": True}

    def train_run(self) -> Report:
        """Trains and scores the run, from its newest checkpoint if there is one."""
        task, stop_file = self.task, StopFile(Path(self.task["stop_file"]), self.task["token"])
        if stop_file.is_stopping():
            return Report(completed=False)
        if not stop_file.is_running():
            message = (
                f"{stop_file.path.parent.parent} on {os.uname().nodename} is not the folder that the sweep "
                "was started with; choose an output folder that all machines share."
            )
            return Report(completed=False, failure=Failure(message, diverged=False))
        torch.set_num_threads(task["cpus"])
        if not task["gpus"]:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""  # or the run would use a GPU that it was not given
        with suppress(OSError):
            os.chdir(task["cwd"])  # relative paths in a config start there
        wait_for_lock(Path(json.loads(task["job"])["path"]))
        stop_after(stop_file.wait)
        return run_job(task["job"])


@final
class ReportCollector(Callback):
    """Collects the reports of the runs, and prints them as they come."""

    def __init__(self, trials: Mapping[str, Trial], n_all: int, console: Console, status: Status) -> None:
        self.trials = trials
        self.n_all = n_all  # runs of the sweep, with those that were complete before
        self.console = console
        self.status = status
        self.reports: dict[str, Report] = {}
        self.training: set[str] = set()

    def __reduce__(self) -> tuple[type[Callback], tuple[()]]:
        return Callback, ()  # Tune pickles its callbacks to restore a sweep; the run folders do that here

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        self.training.add(str(trial))
        self.update_status()

    def on_trial_result(self, iteration: int, trials: list[Any], trial: Any, result: Any, **_: Any) -> None:
        report = self.reports[str(trial)] = Report.from_json(result["report"])
        self.training.discard(str(trial))
        position = f"{self.n_all - len(self.trials) + len(self.reports)} of {self.n_all}"
        print_report(self.trials[str(trial)], report, position, self.console)
        self.update_status()

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        path = self.trials[str(trial)].path
        self.training.discard(str(trial))
        message = f"{path}: its machine or process was lost; continuing on another"
        self.console.print(message, highlight=False, soft_wrap=True)

    def update_status(self) -> None:
        n_waiting = len(self.trials) - len(self.reports) - len(self.training)
        self.status.update(f"training {', '.join(sorted(self.training))}; {n_waiting} waiting")


def train_on_cluster(
    trials: Sequence[Trial],
    cpus: int,
    gpus: float,
    folder: Path,
    load_options: LoadOptions,
    console: Console,
    stop_collapsed: bool,
) -> Outcome:
    """Trains and scores runs on the cluster that this process is connected to.

    Args:
        cpus, gpus: for each run.

    Raises:
        InfoganError: if the folder cannot be written.
    """
    waiting = {trial.path.name: trial for trial in trials if not is_complete(trial, stop_collapsed)}
    if not waiting:
        return Outcome({}, stopped=False)
    token = uuid4().hex
    storage = folder.resolve() / f".sweep-{token}"  # for Tune's own files
    stop_file = StopFile(storage / "stop", token)
    with wrap_write_errors(folder):
        make_folder(storage)
        stop_file.create()
    tasks = [
        json.dumps(
            {
                "name": name,
                "job": make_job(trial, load_options, stop_collapsed),
                "stop_file": str(stop_file.path),
                "token": token,
                "cwd": os.getcwd(),
                "cpus": cpus,
                "gpus": gpus,
            }
        )
        for name, trial in waiting.items()
    ]
    try:
        with console.status("") as status, stop_requests() as requests:
            collector = ReportCollector(waiting, len(trials), console, status)
            lost = _run_tuner(tasks, {"cpu": cpus, "gpu": gpus}, storage, collector, stop_file, requests)
    finally:
        shutil.rmtree(storage, ignore_errors=True)
    reports = collector.reports
    failures = {waiting[name].path: report.failure for name, report in reports.items() if report.failure}
    failures |= {waiting[name].path: Failure(why, diverged=False) for name, why in lost.items()}
    was_cut_off = any(not report.completed and not report.failure for report in reports.values())
    return Outcome(failures, stopped=bool(requests) or was_cut_off)


def _run_tuner(
    tasks: list[str],
    resources: dict[str, float],
    storage: Path,
    collector: ReportCollector,
    stop_file: StopFile,
    requests: list[int],
) -> dict[str, str]:
    """Runs all tasks; returns the runs that were lost too often, and why."""
    tuner = Tuner(
        tune.with_resources(TrainRun, resources),
        param_space={"task": tune.grid_search(tasks)},
        tune_config=TuneConfig(trial_name_creator=_name, trial_dirname_creator=_name),
        run_config=RunConfig(
            name="tune",
            storage_path=str(storage),
            failure_config=FailureConfig(max_failures=MAX_RETRIES),
            checkpoint_config=CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
            callbacks=[collector],
            verbose=0,
        ),
    )
    outcome: list[Any] = []

    def fit() -> None:
        try:
            outcome.append(tuner.fit())
        except Exception as error:
            outcome.append(error)

    # In a thread, because in the main thread Tune would handle Ctrl-C itself and kill the runs.
    thread = threading.Thread(target=fit, daemon=True)
    thread.start()
    while thread.is_alive():
        if requests and stop_file.is_running():
            stop_file.request_stop()
        thread.join(POLL_SECONDS / 5)
    if isinstance(outcome[0], Exception):
        raise InfoganError(f"Ray Tune failed ({one_line(outcome[0])}); repeat the command to continue.")
    return {
        json.loads(result.config["task"])["name"]: f"it was lost too often ({one_line(result.error)})."
        for result in outcome[0]
        if result.error is not None
    }


def _name(trial: Any) -> str:
    return str(json.loads(trial.config["task"])["name"])
