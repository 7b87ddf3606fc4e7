"""The scores in a run's folder: evaluation.json without the resamples, resamples.json with them."""

import json
from typing import Any

from infogan.evaluation.score import Evaluation, Score
from infogan.runs.run import Run


def write_evaluation(run: Run, evaluation: Evaluation) -> None:
    """Writes evaluation.json, and resamples.json for `compare_evaluations` and `median_over_runs`."""
    run.write_json("evaluation.json", without_resamples(evaluation))
    resamples = {split: {name: s["resamples"] for name, s in of.items()} for split, of in evaluation.items()}
    run.write_json("resamples.json", resamples)


def read_evaluation(run: Run) -> Evaluation | None:
    """The evaluation that `write_evaluation` wrote.

    None if a file is missing or damaged, or older than the run's last checkpoint.
    """
    file, checkpoint = run.path / "evaluation.json", run.checkpoint()
    if not (checkpoint and file.is_file() and file.stat().st_mtime >= checkpoint.stat().st_mtime):
        return None
    try:
        scores, resamples = (
            json.loads((run.path / name).read_text()) for name in ("evaluation.json", "resamples.json")
        )
        return {
            split: {name: _make_score(s, resamples[split][name]) for name, s in of.items()}
            for split, of in scores.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def without_resamples(evaluation: Evaluation) -> dict[str, dict[str, dict[str, Any]]]:
    """The same scores as evaluation.json stores them: value, low, high and protocol."""
    return {
        split: {name: {k: v for k, v in s.items() if k != "resamples"} for name, s in scores.items()}
        for split, scores in evaluation.items()
    }


def _make_score(s: dict[str, Any], resamples: list[float]) -> Score:
    return Score(value=s["value"], low=s["low"], high=s["high"], protocol=s["protocol"], resamples=resamples)
