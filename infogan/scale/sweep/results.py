"""The result of every run of a sweep, from the run folders, and as a Parquet table."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, final

import pyarrow as pa
import pyarrow.parquet

from infogan.evaluation import Evaluation, read_evaluation
from infogan.runs.run import Run
from infogan.scale.sweep.job import Failure, collapse_step
from infogan.scale.sweep.trials import Trial
from infogan.utils.io import wrap_write_errors, write_atomic

if TYPE_CHECKING:
    from infogan.scale.sweep.best import BestRun

Status = Literal["done", "collapsed", "failed", "stopped"]


@final
@dataclass(frozen=True)
class RunResult:
    """How a run of a sweep ended."""

    trial: Trial
    status: Status
    error: str  # why it failed, or empty
    collapsed: int | None  # the step at which a mode collapse was detected
    steps: int  # done
    seconds: float  # of training, by the rates in metrics.jsonl
    evaluation: Evaluation | None  # of a run that is done

    @property
    def name(self) -> str:
        return str(self.trial.path)

    @property
    def scores(self) -> dict[str, float]:
        """The values by SPLIT/SCORE."""
        evaluation = self.evaluation or {}
        return {
            f"{split}/{name}": s["value"]
            for split, scores in evaluation.items()
            for name, s in scores.items()
        }


def collect_results(
    trials: Sequence[Trial], failures: Mapping[Path, Failure], stop_collapsed: bool
) -> list[RunResult]:
    """The results of all runs, in the order of the trials."""
    return [_result(trial, failures.get(trial.path), stop_collapsed) for trial in trials]


def _result(trial: Trial, failure: Failure | None, stop_collapsed: bool) -> RunResult:
    run, collapsed = Run(trial.path, trial.config), collapse_step(trial)
    status: Status = "stopped"
    if failure is not None:
        status = "failed"
    elif trial.done:
        status = "done"
    elif stop_collapsed and collapsed is not None:
        status = "collapsed"
    evaluation = read_evaluation(run) if status == "done" else None
    error = failure.message if failure else ""
    return RunResult(trial, status, error, collapsed, trial.steps, _training_seconds(run), evaluation)


def _training_seconds(run: Run) -> float:
    seconds, previous = 0.0, 0
    for row in run.metrics():
        if row.get("images_per_s", 0) > 0:
            n_images = (row["step"] - previous) * run.config.optimisation.batch_size
            seconds += n_images / row["images_per_s"]
        previous = int(row["step"])
    return seconds


def write_table(path: Path, results: Sequence[RunResult], best: "BestRun") -> None:
    """Writes one row per run; a score that a run lacks is null.

    run         the folder
    seed
    FIELD       one column per varied field (set_steps if it is `steps`)
    status      done, collapsed, failed or stopped
    error       why it failed
    collapsed   the step at which a mode collapse was detected
    steps       done
    seconds     of training
    SPLIT/SCORE, label_free/SCORE
    """
    varied = {
        f"set_{field}" if field == "steps" else field: pa.array(
            [_without_tuples(result.trial.setting[field]) for result in results]
        )
        for field in results[0].trial.setting
    }
    columns = {
        "run": [result.name for result in results],
        "seed": [result.trial.config.run.seed for result in results],
        **varied,
        "status": [result.status for result in results],
        "error": pa.array([result.error or None for result in results], pa.string()),
        "collapsed": pa.array([result.collapsed for result in results], pa.int64()),
        "steps": [result.steps for result in results],
        "seconds": [result.seconds for result in results],
    }
    names = dict.fromkeys(name for result in results for name in result.scores)
    for name in names:
        columns[name] = pa.array([result.scores.get(name) for result in results], pa.float64())
    for name in best.score_names:
        values = [best.score(result.name, name) for result in results]
        columns[f"label_free/{name}"] = pa.array(values, pa.float64())
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pa.table(columns), buffer)
    with wrap_write_errors(path):
        write_atomic(path, buffer.getvalue())


def _without_tuples(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
