"""Differences between the scores of runs, with intervals."""

from collections.abc import Mapping
from typing import TypedDict

import numpy as np

from infogan.evaluation.score import Evaluation, interval_half_width


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
    """Compares every score of the first run with the same score of the others.

    A paired bootstrap: the resamples of two runs on the same images are the same images, so the spread of
    their differences is the spread of the difference. Seeds are not resampled: a better run is not proof of
    a better recipe.

    Args:
        evaluations: by the name of the run.
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
                    resampled = (np.array(b["resamples"]) - np.array(a["resamples"])).tolist()
                    half_width = interval_half_width(resampled)
                    compared["differences"][run] = Difference(
                        value=value, low=value - half_width, high=value + half_width
                    )
            comparison.setdefault(split, {})[name] = compared
    return comparison


def is_significant(difference: Difference) -> bool:
    """Whether the 95 % interval excludes 0."""
    return difference["low"] > 0 or difference["high"] < 0
