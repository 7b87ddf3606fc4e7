"""A score with its 95 % interval and its protocol, and the files of a run that hold its scores."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import numpy as np
from jaxtyping import Int
from scipy.stats import t

from infogan.runs.run import Run


class Score(TypedDict):
    """A value, its 95 % interval, its protocol in words, and its values on resamples of the images.

    Resample i is the same images for every model that is scored on the same images.
    """

    value: float
    low: float
    high: float
    protocol: str
    resamples: list[float]
    noise_level: NotRequired[float]  # of associations: what independent variables rarely exceed


Evaluation = dict[str, dict[str, Score]]  # split -> name -> score


def sample_halves(n: int, n_resamples: int, rng: np.random.Generator) -> Iterator[Int[np.ndarray, "half"]]:
    """Sorted indices of random halves of n images: the resamples behind every interval over images.

    A bootstrap without replacement (the half-sample jackknife; Shao and Wu, Annals of Statistics 17, 1989):
    a statistic whose error falls as 1 / sqrt(n) has the same variance over halves of its sample as over
    fresh samples of the full size. With replacement, copies of an image would be each other's nearest
    neighbours and raise every estimate of information.
    """
    for _ in range(n_resamples):
        yield np.sort(rng.permutation(n)[: (n + 1) // 2])


def make_score(
    value: float,
    resamples: Iterable[float],
    protocol: str,
    *,
    min_value: float = 0.0,
    max_value: float = 1.0,
    noise_level: float | None = None,
) -> Score:
    """A score with an interval around its value, clipped to the range of the score."""
    resampled = [float(resample) for resample in resamples]
    half_width = interval_half_width(resampled)
    score = Score(
        value=float(value),
        low=max(min_value, value - half_width),
        high=min(max_value, value + half_width),
        protocol=protocol,
        resamples=resampled,
    )
    if noise_level is not None:
        score["noise_level"] = noise_level
    return score


def make_scores(
    values: Mapping[str, float], resamples: Sequence[Mapping[str, float]], protocol: str
) -> dict[str, Score]:
    """Several scores in [0, 1] of one protocol, from their values on all images and on each resample."""
    return {
        name: make_score(value, [resample[name] for resample in resamples], protocol)
        for name, value in values.items()
    }


def interval_half_width(resamples: Sequence[float]) -> float:
    """Half the width of Student's 95 % interval, from the values of a score on resamples."""
    return float(t.ppf(0.975, len(resamples) - 1) * np.std(resamples, ddof=1))


def write_evaluation(run: Run, evaluation: Evaluation) -> None:
    """Writes evaluation.json, and resamples.json for `compare_evaluations` and `median_over_runs`."""
    run.write_json("evaluation.json", without_resamples(evaluation))
    resamples = {split: {name: s["resamples"] for name, s in of.items()} for split, of in evaluation.items()}
    run.write_json("resamples.json", resamples)


def read_evaluation(run: Run) -> Evaluation | None:
    """What `write_evaluation` wrote; None if a file is damaged, missing or older than the last checkpoint."""
    file, checkpoint = run.path / "evaluation.json", run.checkpoint()
    if not (checkpoint and file.is_file() and file.stat().st_mtime >= checkpoint.stat().st_mtime):
        return None
    try:
        scores, resamples = (
            json.loads((run.path / name).read_text("utf-8")) for name in ("evaluation.json", "resamples.json")
        )
        return {
            split: {name: _make_score(s, resamples[split][name]) for name, s in of.items()}
            for split, of in scores.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def without_resamples(evaluation: Evaluation) -> dict[str, dict[str, dict[str, Any]]]:
    """The same scores as evaluation.json stores them: all but their values on resamples."""
    return {
        split: {name: {k: v for k, v in s.items() if k != "resamples"} for name, s in scores.items()}
        for split, scores in evaluation.items()
    }


def _make_score(s: dict[str, Any], resamples: list[float]) -> Score:
    score = Score(value=s["value"], low=s["low"], high=s["high"], protocol=s["protocol"], resamples=resamples)
    if "noise_level" in s:
        score["noise_level"] = s["noise_level"]
    return score
