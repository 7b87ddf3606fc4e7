"""The scores of several runs: differences from the first, and medians, with intervals."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

import numpy as np

from infogan.evaluation.score import Evaluation, Score, interval_half_width

N_RESAMPLES = 2_000


class Difference(TypedDict):
    """The score of a run minus that of the first run, with its 95 % interval."""

    value: float
    low: float
    high: float


class ScoreComparison(TypedDict):
    """One score of several runs, by the name of the run."""

    values: dict[str, float]
    differences: dict[str, Difference]  # only of runs scored by the protocol of the first


Comparison = dict[str, dict[str, ScoreComparison]]  # split -> name -> comparison


def compare_evaluations(evaluations: Mapping[str, Evaluation]) -> Comparison:
    """Compares every score of the first run with the same score of the others, which are given by name.

    A paired bootstrap: the resamples of two runs on the same images are the same images, so the spread of
    their differences is the spread of the difference. Seeds are not resampled: a better run is not proof of
    a better recipe.
    """
    (first, reference), *others = evaluations.items()
    comparison: Comparison = {}
    for split, scores in reference.items():
        for name, a in scores.items():
            compared = ScoreComparison(values={first: a["value"]}, differences={})
            for run, evaluation in others:
                b = evaluation.get(split, {}).get(name)
                if b is None:
                    continue
                compared["values"][run] = b["value"]
                if a["protocol"] == b["protocol"] and len(a["resamples"]) == len(b["resamples"]):
                    value = b["value"] - a["value"]
                    half_width = interval_half_width(np.subtract(b["resamples"], a["resamples"]).tolist())
                    compared["differences"][run] = Difference(
                        value=value, low=value - half_width, high=value + half_width
                    )
            comparison.setdefault(split, {})[name] = compared
    return comparison


def is_significant(difference: Difference) -> bool:
    """Whether the 95 % interval excludes 0."""
    return difference["low"] > 0 or difference["high"] < 0


def median_over_runs(evaluations: Sequence[Evaluation]) -> Evaluation:
    """The median, with a 95 % interval, of every score that all runs have."""
    medians: Evaluation = {}
    for split, scores in evaluations[0].items():
        for name in scores:
            if all(name in evaluation.get(split, {}) for evaluation in evaluations):
                found = median_score([evaluation[split][name] for evaluation in evaluations])
                medians.setdefault(split, {})[name] = found
    return medians


def median_score(runs: Sequence[Score]) -> Score:
    """The median of one score over runs, with the interval of a two-level bootstrap.

    Level one draws runs with replacement. Level two adds, for each drawn run, the deviation of one of its
    resamples from their mean. With a handful of runs the interval can hardly exceed their range, which is
    therefore part of the protocol.
    """
    values = np.array([run["value"] for run in runs])
    middle = float(np.median(values))
    deviations = [np.array(run["resamples"]) - np.mean(run["resamples"]) for run in runs]
    rng = np.random.default_rng(0)
    resamples = np.empty(N_RESAMPLES)
    for i in range(N_RESAMPLES):
        chosen = rng.integers(len(runs), size=len(runs))
        resamples[i] = np.median([values[run] + rng.choice(deviations[run]) for run in chosen])
    low, high = np.percentile(resamples, [2.5, 97.5])
    return {
        **runs[0],  # its noise level is that of one run, which a median exceeds by chance less often
        "value": middle,
        "low": min(float(low), middle),
        "high": max(float(high), middle),
        "protocol": f"median of {len(runs)} runs ({values.min():.4f} to {values.max():.4f}); "
        f"{runs[0]['protocol']}",
        "resamples": resamples.tolist(),
    }
