"""The median of each score over several runs."""

from collections.abc import Sequence
from statistics import median

import numpy as np

from infogan.evaluation.score import Evaluation, Score

N_RESAMPLES = 2_000


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
    middle = float(median(run["value"] for run in runs))
    values = np.array([run["value"] for run in runs])
    deviations = [np.array(run["resamples"]) - np.mean(run["resamples"]) for run in runs]
    rng = np.random.default_rng(0)
    resamples = np.empty(N_RESAMPLES)
    for i in range(N_RESAMPLES):
        chosen = rng.integers(len(runs), size=len(runs))
        resamples[i] = np.median([values[run] + rng.choice(deviations[run]) for run in chosen])
    low, high = np.percentile(resamples, [2.5, 97.5])
    return Score(
        value=middle,
        low=min(float(low), middle),
        high=max(float(high), middle),
        protocol=f"median of {len(runs)} runs ({values.min():.4f} to {values.max():.4f}); "
        f"{runs[0]['protocol']}",
        resamples=resamples.tolist(),
    )
