"""Scores over the runs of a sweep: seeds are the outer level, the images of each run the inner."""

from collections.abc import Iterable, Sequence
from statistics import median

import numpy as np

from infogan.evaluation.score import Evaluation, Score

RESAMPLES = 2_000


def over_seeds(evaluations: Sequence[Evaluation]) -> Evaluation:
    """For every score that all runs have, its median over them with a 95 % interval."""
    summary: Evaluation = {}
    for split, scores in evaluations[0].items():
        for name in scores:
            if all(name in evaluation.get(split, {}) for evaluation in evaluations):
                found = median_score(evaluation[split][name] for evaluation in evaluations)
                summary.setdefault(split, {})[name] = found
    return summary


def median_score(scores: Iterable[Score]) -> Score:
    """The median of one score over runs, with the interval of a bootstrap of two levels.

    Runs are drawn with replacement, and of each one a resample of its images, by as much as that lies off
    the mean of them. With a handful of runs the interval can be no wider than their range and that noise, so
    the range is in the protocol, too.
    """
    runs = list(scores)
    middle = float(median(run["value"] for run in runs))
    values = np.array([run["value"] for run in runs])
    noise = [np.array(run["draws"]) - np.mean(run["draws"]) for run in runs]
    rng = np.random.default_rng(0)
    draws = np.empty(RESAMPLES)
    for i in range(RESAMPLES):
        chosen = rng.integers(len(runs), size=len(runs))
        draws[i] = np.median([values[run] + rng.choice(noise[run]) for run in chosen])
    low, high = np.percentile(draws, [2.5, 97.5])
    return Score(
        value=middle,
        low=min(float(low), middle),
        high=max(float(high), middle),
        protocol=f"median of {len(runs)} runs ({values.min():.4f} to {values.max():.4f}); "
        f"{runs[0]['protocol']}",
        draws=draws.tolist(),
    )
