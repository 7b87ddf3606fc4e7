"""Runs side by side: is the difference of a score more than the choice of the images would make?"""

from collections.abc import Mapping
from typing import TypedDict

import numpy as np

from infogan.evaluation.score import Evaluation, half_width


class Difference(TypedDict):
    """A run's score less that of the first run, with its 95 % interval."""

    value: float
    low: float
    high: float


class Compared(TypedDict):
    """One score of several runs, and what each but the first lies off the first."""

    values: dict[str, float]
    differences: dict[str, Difference]  # without a run that was scored by another protocol


Comparison = dict[str, dict[str, Compared]]


def compare(evaluations: Mapping[str, Evaluation]) -> Comparison:
    """Every score that the first run has, of all of them, by the name of the run.

    The resamples of two runs on the same images are the same images, so their differences, pair by pair,
    say how far the difference of the whole is to be trusted: a paired bootstrap. The seed of a run is not
    resampled: that a run is better does not say that its recipe is.
    """
    (first, reference), *others = evaluations.items()
    comparison: Comparison = {}
    for split, scores in reference.items():
        for name, a in scores.items():
            compared = Compared(values={first: a["value"]}, differences={})
            for run, evaluation in others:
                b = evaluation.get(split, {}).get(name)
                if b is None:
                    continue
                compared["values"][run] = b["value"]
                if a["protocol"] == b["protocol"] and len(a["draws"]) == len(b["draws"]):
                    value = b["value"] - a["value"]
                    reach = half_width((np.array(b["draws"]) - np.array(a["draws"])).tolist())
                    compared["differences"][run] = Difference(
                        value=value, low=value - reach, high=value + reach
                    )
            comparison.setdefault(split, {})[name] = compared
    return comparison


def differs(difference: Difference) -> bool:
    """Whether the interval leaves out 0."""
    return difference["low"] > 0 or difference["high"] < 0
