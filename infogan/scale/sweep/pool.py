"""The runs of a sweep in processes on this machine, several at a time, a process a run."""

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
from infogan.scale.sweep.plan import Trial
from infogan.scale.sweep.trial import Ended, Failure, Report, as_job, nothing_left
from infogan.training.signals import stop_requests
from infogan.utils.environment import PACKAGE

LOOK = 0.1  # seconds between two looks at the processes
TAIL = 500  # characters of what a process that broke said last


def in_processes(
    trials: Sequence[Trial],
    at_a_time: int,
    threads: int,
    load_options: LoadOptions,
    console: Console,
    stop_collapsed: bool,
) -> Ended:
    """Trains and scores them, so many at a time; a run that fails does not stop the others.

    Asked to stop, it has all processes save what they train; asked again, it ends them as they are.

    Args:
        threads: of each process.
    """
    waiting = deque(trial for trial in trials if not nothing_left(trial, stop_collapsed))
    failures: dict[Path, Failure] = {}
    running: list[Worker] = []
    at, cut_off = len(trials) - len(waiting), 0
    with stop_requests() as asked, console.status("") as status:
        try:
            while running or (waiting and not asked):
                while waiting and len(running) < at_a_time and not asked:
                    running.append(Worker(waiting.popleft(), threads, load_options, stop_collapsed))
                for worker in running:
                    if asked:
                        worker.stop()
                ended = [worker for worker in running if worker.process.poll() is not None]
                running = [worker for worker in running if worker not in ended]
                for worker in ended:
                    report = worker.report()
                    cut_off += not report.ended and report.failure is None
                    if report.failure is not None:
                        failures[worker.trial.path] = report.failure
                    at += 1
                    tell_end(worker.trial, report, f"{at} of {len(trials)}", console)
                names = ", ".join(worker.trial.path.name for worker in running)
                status.update(f"training {names}; {len(waiting)} wait")
                time.sleep(LOOK)
        finally:
            for worker in running:
                worker.process.kill()
                worker.process.wait()
    return Ended(failures, stopped=bool(asked) or cut_off > 0)


def tell_end(trial: Trial, report: Report, which: str, console: Console) -> None:
    """A line for a run that ended, and one for each warning of it."""
    said = report.failure.said if report.failure else "done" if report.ended else "stopped"
    if report.ended and not trial.done:
        said = f"collapsed, ended after {trial.steps} updates"
    for warning in report.warnings:
        console.print(f"{trial.path.name}: {warning}", highlight=False, soft_wrap=True)
    console.print(f"{which}: {trial.path}: {said}", highlight=False, soft_wrap=True)


def _environment(threads: int) -> dict[str, str]:
    """With what has to be set before a process loads torch, its threads, and where this package is."""
    package = str(PACKAGE.resolve().parent)
    path = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": os.pathsep.join(path)}


@final
class Worker:
    """A process that trains one run."""

    def __init__(self, trial: Trial, threads: int, load_options: LoadOptions, stop_collapsed: bool) -> None:
        self.trial = trial
        self.out, self.err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115, closed by report
        self.process = subprocess.Popen(
            [sys.executable, "-m", "infogan.scale.sweep.worker"],
            env=_environment(threads),
            stdin=subprocess.PIPE,
            stdout=self.out,
            stderr=self.err,
            start_new_session=True,  # so that Ctrl-C reaches it by this process alone, and once
        )
        assert self.process.stdin is not None
        self.stdin = self.process.stdin
        with suppress(BrokenPipeError):  # of one that is gone already, as its exit status tells
            self.stdin.write(as_job(trial, load_options, stop_collapsed).encode() + b"\n")
            self.stdin.flush()

    def stop(self) -> None:
        """Asks it to save and end; to ask again changes nothing."""
        with suppress(BrokenPipeError):
            self.stdin.close()

    def report(self) -> Report:
        """What it said at its end, or what is known of it where it broke off."""
        asked = self.stdin.closed
        self.stop()
        self.out.seek(0)
        self.err.seek(0)
        said, wrong = self.out.read().decode(), self.err.read().decode(errors="replace")
        self.out.close()
        self.err.close()
        code = self.process.returncode
        if code == 0:
            return Report.from_json(said.splitlines()[-1])
        if asked and code == -signal.SIGTERM:
            return Report(ended=False, failure=None, warnings=[])
        how = f"signal {-code}" if code < 0 else f"exit status {code}"
        why = " ".join(wrong.split())[-TAIL:] or "out of memory, it may be; train fewer at a time"
        return Report(False, Failure(f"its process ended by {how} ({why}).", diverged=False), [])
