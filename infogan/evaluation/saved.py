"""Scores in a run's folder: evaluation.json for people, resamples.json for what compares runs."""

import json

from infogan.evaluation.score import Evaluation, Score
from infogan.runs.run import Run


def write_evaluation(run: Run, evaluation: Evaluation) -> None:
    """Leaves evaluation.json in the run's folder, and the resamples that `compare` needs beside it."""
    run.write_json("evaluation.json", without_draws(evaluation))
    draws = {split: {name: s["draws"] for name, s in of.items()} for split, of in evaluation.items()}
    run.write_json("resamples.json", draws)


def read_evaluation(run: Run) -> Evaluation | None:
    """What `write_evaluation` left; None where a file is missing, or older than the run's last checkpoint."""
    file, checkpoint = run.path / "evaluation.json", run.checkpoint()
    if not (checkpoint and file.is_file() and file.stat().st_mtime >= checkpoint.stat().st_mtime):
        return None
    try:
        scores, draws = (
            json.loads((run.path / name).read_text()) for name in ("evaluation.json", "resamples.json")
        )
        return {
            split: {
                name: Score(
                    value=s["value"],
                    low=s["low"],
                    high=s["high"],
                    protocol=s["protocol"],
                    draws=draws[split][name],
                )
                for name, s in of.items()
            }
            for split, of in scores.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def without_draws(evaluation: Evaluation) -> dict[str, dict[str, dict[str, float | str]]]:
    """The same as evaluation.json has it: value, low, high and protocol."""
    return {
        split: {
            name: {"value": s["value"], "low": s["low"], "high": s["high"], "protocol": s["protocol"]}
            for name, s in scores.items()
        }
        for split, scores in evaluation.items()
    }
