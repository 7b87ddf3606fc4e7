"""The runs of a sweep on a Ray cluster, through Ray Tune: it places them, and tries again what was lost.

Runs live in a folder that all machines share. A file there says that it is the same folder everywhere, and,
once it says otherwise, that all are to save and stop.
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

os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")  # which would fill folders with what we have
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")

from ray import tune
from ray.tune import Callback, CheckpointConfig, FailureConfig, RunConfig, Trainable, TuneConfig, Tuner
from rich.console import Console
from rich.status import Status

from infogan.data import LoadOptions
from infogan.scale.sweep.plan import Trial
from infogan.scale.sweep.pool import tell_end
from infogan.scale.sweep.sign import LOOK, Sign, stopping, wait_for_lock
from infogan.scale.sweep.trial import Ended, Failure, Report, as_job, do_job, nothing_left, stop_when
from infogan.training.signals import stop_requests
from infogan.utils.errors import InfoganError, one_line
from infogan.utils.io import make_folder, wrap_write_errors

AGAIN = 5  # times that a run is tried anew after its machine or its process was lost


@final
class TrainOne(Trainable):
    """One run in a process of the cluster; its one step is all of the training, and its scores."""

    def setup(self, config: dict[str, Any]) -> None:
        self.told = json.loads(config["told"])

    def step(self) -> dict[str, Any]:
        sign = Sign(Path(self.told["sign"]), self.told["word"])
        return {"report": self.reported(sign).to_json(), "done": True}

    def reported(self, sign: Sign) -> Report:
        """Trains and scores the run, from its newest checkpoint where there is one."""
        if sign.holds(stopping(sign.word)):
            return Report(ended=False, failure=None, warnings=[])
        if not sign.holds(sign.word):
            return Report(
                False,
                Failure(
                    f"{sign.path.parent.parent} on {os.uname().nodename} is not the folder that the sweep "
                    "was started with; name one by --out that all machines share.",
                    diverged=False,
                ),
                [],
            )
        torch.set_num_threads(self.told["cpus"])
        if not self.told["gpus"]:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""  # which a machine's may be seen without being given
        with suppress(OSError):
            os.chdir(self.told["cwd"])  # where paths within a config begin
        job = self.told["job"]
        wait_for_lock(Path(json.loads(job)["path"]))
        stop_when(sign.wait)
        return do_job(job)


@final
class Listener(Callback):
    """Keeps what the runs report, and tells the person."""

    def __init__(self, trials: Mapping[str, Trial], of: int, console: Console, status: Status) -> None:
        self.trials = trials
        self.of = of  # runs of the sweep, those included that were done before
        self.console = console
        self.status = status
        self.reports: dict[str, Report] = {}
        self.training: set[str] = set()

    def __reduce__(self) -> tuple[type[Callback], tuple[()]]:
        return Callback, ()  # for Tune writes all of itself down, to be restored, which folders make needless

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        self.training.add(str(trial))
        self.tell()

    def on_trial_result(self, iteration: int, trials: list[Any], trial: Any, result: Any, **_: Any) -> None:
        self.reports[str(trial)] = Report.from_json(result["report"])
        self.training.discard(str(trial))
        which = f"{self.of - len(self.trials) + len(self.reports)} of {self.of}"
        tell_end(self.trials[str(trial)], self.reports[str(trial)], which, self.console)
        self.tell()

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        path = self.trials[str(trial)].path
        self.training.discard(str(trial))
        self.console.print(f"{path}: its machine or process was lost; going on elsewhere", highlight=False)

    def tell(self) -> None:
        waiting = len(self.trials) - len(self.reports) - len(self.training)
        self.status.update(f"training {', '.join(sorted(self.training))}; {waiting} wait")


def on_cluster(
    trials: Sequence[Trial],
    cpus: int,
    gpus: float,
    folder: Path,
    load_options: LoadOptions,
    console: Console,
    stop_collapsed: bool,
) -> Ended:
    """Trains and scores them on the cluster that this process is connected to.

    Raises:
        InfoganError: where the folder cannot be written.
    """
    left = {trial.path.name: trial for trial in trials if not nothing_left(trial, stop_collapsed)}
    if not left:
        return Ended({}, stopped=False)
    word = uuid4().hex
    storage = folder.resolve() / f".sweep-{word}"  # where Tune keeps its own books
    sign = Sign(storage / "sign", word)
    with wrap_write_errors(folder):
        make_folder(storage)
        sign.put(word)
    try:
        with console.status("") as status, stop_requests() as asked:
            listener = Listener(left, len(trials), console, status)
            told = [
                json.dumps(
                    {
                        "name": name,
                        "job": as_job(trial, load_options, stop_collapsed),
                        "sign": str(sign.path),
                        "word": sign.word,
                        "cwd": os.getcwd(),
                        "cpus": cpus,
                        "gpus": gpus,
                    }
                )
                for name, trial in left.items()
            ]
            lost = _fit(told, {"cpu": cpus, "gpu": gpus}, storage, listener, sign, asked)
    finally:
        shutil.rmtree(storage, ignore_errors=True)
    failures = {
        left[name].path: report.failure for name, report in listener.reports.items() if report.failure
    }
    failures |= {left[name].path: Failure(why, diverged=False) for name, why in lost.items()}
    cut_off = any(not report.ended and not report.failure for report in listener.reports.values())
    return Ended(failures, stopped=bool(asked) or cut_off)


def _fit(
    told: list[str],
    resources: dict[str, float],
    storage: Path,
    listener: Listener,
    sign: Sign,
    asked: list[int],
) -> dict[str, str]:
    """Has Tune run them all; gives why those never ended that were lost too often, by their name."""
    tuner = Tuner(
        tune.with_resources(TrainOne, resources),
        param_space={"told": tune.grid_search(told)},
        tune_config=TuneConfig(trial_name_creator=_name, trial_dirname_creator=_name),
        run_config=RunConfig(
            name="tune",
            storage_path=str(storage),
            failure_config=FailureConfig(max_failures=AGAIN),
            checkpoint_config=CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
            callbacks=[listener],
            verbose=0,
        ),
    )
    found: list[Any] = []

    def fit() -> None:
        try:
            found.append(tuner.fit())
        except Exception as error:
            found.append(error)

    # In a thread, as Tune would take Ctrl-C for itself and cut off what trains.
    thread = threading.Thread(target=fit, daemon=True)
    thread.start()
    while thread.is_alive():
        if asked and sign.holds(sign.word):
            sign.put(stopping(sign.word))
        thread.join(LOOK / 5)
    if isinstance(found[0], Exception):
        raise InfoganError(f"Ray Tune gave up ({one_line(found[0])}); the same command goes on.")
    return {
        json.loads(result.config["told"])["name"]: f"it was lost too often ({one_line(result.error)})."
        for result in found[0]
        if result.error is not None
    }


def _name(trial: Any) -> str:
    return str(json.loads(trial.config["told"])["name"])
