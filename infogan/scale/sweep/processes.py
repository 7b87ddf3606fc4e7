"""Trains the runs of a sweep on this machine, several at a time, one process per run.

Not joblib: when one of its workers dies it ends all of them and does not say why, its workers go on training
when the parent is killed, and they share the parent's Ctrl-C.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import final

from rich.console import Console

from infogan.data import LoadOptions
from infogan.scale.sweep.job import Failure, Outcome, Report, is_complete, make_job
from infogan.scale.sweep.trials import Trial
from infogan.training.signals import stop_requests
from infogan.utils.environment import PACKAGE

POLL_SECONDS = 0.1
MAX_STDERR = 500  # last characters of a process's standard error that an error message quotes


def train_in_processes(
    trials: Sequence[Trial],
    n_parallel: int,
    n_threads: int,
    load_options: LoadOptions,
    console: Console,
    stop_collapsed: bool,
) -> Outcome:
    """Trains and scores runs, each in a process with `n_threads` threads; if one fails, the others continue.

    At the first Ctrl-C all processes save and stop, at the second they are killed.
    """
    waiting = deque(trial for trial in trials if not is_complete(trial, stop_collapsed))
    failures: dict[Path, Failure] = {}
    running: list[Worker] = []
    n_ended, was_cut_off = len(trials) - len(waiting), False
    with stop_requests() as requests, console.status("") as status:
        try:
            while running or (waiting and not requests):
                while waiting and len(running) < n_parallel and not requests:
                    running.append(Worker(waiting.popleft(), n_threads, load_options, stop_collapsed))
                for worker in list(running):
                    if requests:
                        worker.stop()
                    if worker.process.poll() is None:
                        continue
                    running.remove(worker)
                    report = worker.report()
                    if report.failure is not None:
                        failures[worker.trial.path] = report.failure
                    elif not report.completed:
                        was_cut_off = True
                    n_ended += 1
                    print_report(worker.trial, report, f"{n_ended} of {len(trials)}", console)
                names = ", ".join(worker.trial.path.name for worker in running)
                status.update(f"training {names}; {len(waiting)} waiting")
                time.sleep(POLL_SECONDS)
        finally:
            for worker in running:
                worker.process.kill()
                worker.process.wait()
    return Outcome(failures, stopped=bool(requests) or was_cut_off)


def print_report(trial: Trial, report: Report, position: str, console: Console) -> None:
    """Prints how a run ended, and its warnings."""
    if report.failure:
        ending = report.failure.message
    elif report.completed:
        ending = "done" if trial.done else f"collapsed, stopped after {trial.steps} steps"
    else:
        ending = "stopped"
    for warning in report.warnings:
        console.print(f"{trial.path.name}: {warning}", highlight=False, soft_wrap=True)
    console.print(f"{position}: {trial.path}: {ending}", highlight=False, soft_wrap=True)


@final
class Worker:
    """A process that trains one run."""

    def __init__(self, trial: Trial, n_threads: int, load_options: LoadOptions, stop_collapsed: bool) -> None:
        self.trial = trial
        self.stdout, self.stderr = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
        path = [str(PACKAGE.resolve().parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "infogan.scale.sweep.worker"],
            env={**os.environ, "OMP_NUM_THREADS": str(n_threads), "PYTHONPATH": os.pathsep.join(path)},
            stdin=subprocess.PIPE,
            stdout=self.stdout,
            stderr=self.stderr,
            start_new_session=True,  # so that Ctrl-C reaches it once, through `stop`
        )
        assert self.process.stdin is not None
        self.stdin = self.process.stdin
        with suppress(BrokenPipeError):  # if it died at once, its exit status says so
            self.stdin.write(make_job(trial, load_options, stop_collapsed).encode() + b"\n")
            self.stdin.flush()

    def stop(self) -> None:
        """Asks it to save and stop."""
        with suppress(BrokenPipeError):
            self.stdin.close()

    def report(self) -> Report:
        """Its report, or what is known about its death."""
        was_stopped = self.stdin.closed
        self.stop()
        self.stdout.seek(0)
        self.stderr.seek(0)
        with self.stdout, self.stderr:
            output, errors = self.stdout.read().decode(), self.stderr.read().decode(errors="replace")
        status = self.process.returncode
        if status == 0:
            return Report.from_json(output.splitlines()[-1])
        if was_stopped and status == -signal.SIGTERM:
            return Report(completed=False)
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        why = " ".join(errors.split())[-MAX_STDERR:] or "perhaps out of memory; train fewer runs at a time"
        return Report(False, Failure(f"its process ended with {how} ({why}).", diverged=False))
