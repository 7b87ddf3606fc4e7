"""What became of the runs of a sweep, as their folders tell it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, final

from infogan.evaluation import Evaluation, read_evaluation
from infogan.runs.run import Run
from infogan.scale.sweep.plan import Trial
from infogan.scale.sweep.trial import Failure, collapsed_at

Status = Literal["done", "collapsed", "failed", "stopped"]


@final
@dataclass(frozen=True)
class Row:
    """A run of a sweep, and what became of it."""

    trial: Trial
    status: Status
    said: str  # why it failed
    collapsed: int | None  # the update at which the watch warned that G's images are one
    steps: int  # done
    seconds: float  # of training, as metrics.jsonl tells its speed
    evaluation: Evaluation | None  # of a run that is done

    @property
    def name(self) -> str:
        return str(self.trial.path)

    @property
    def scores(self) -> dict[str, float]:
        """By split/score."""
        evaluation = self.evaluation or {}
        return {f"{split}/{name}": s["value"] for split, of in evaluation.items() for name, s in of.items()}


def as_rows(trials: Sequence[Trial], failures: Mapping[Path, Failure], stop_collapsed: bool) -> list[Row]:
    """What the folders say of the runs, and, of those that failed, what the sweep was told."""
    return [_row(trial, failures.get(trial.path), stop_collapsed) for trial in trials]


def _row(trial: Trial, failure: Failure | None, stop_collapsed: bool) -> Row:
    run = Run(trial.path, trial.config)
    collapsed, steps = collapsed_at(trial), trial.steps
    status: Status = "stopped"
    if failure is not None:
        status = "failed"
    elif trial.done:
        status = "done"
    elif stop_collapsed and collapsed is not None:
        status = "collapsed"
    evaluation = read_evaluation(run) if status == "done" else None
    said = failure.said if failure else ""
    return Row(trial, status, said, collapsed, steps, _seconds(run), evaluation)


def _seconds(run: Run) -> float:
    """By the speed of each line of metrics.jsonl."""
    seconds, before = 0.0, 0
    for row in run.metrics():
        if row.get("images_per_s", 0) > 0:
            seconds += (row["step"] - before) * run.config.optimisation.batch_size / row["images_per_s"]
        before = int(row["step"])
    return seconds
