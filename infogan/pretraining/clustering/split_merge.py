"""Escapes local optima of `sequential_improvement`: one cluster is split while two others are merged.

No move of a single over-cluster to another cluster leaves these. Retention is a sum over clusters, so what a
split gains and what a merger costs add up, unless they share one.
"""

from itertools import combinations

import numpy as np
from jaxtyping import Float, Int

from infogan.pretraining.clustering.consensus import Clusters, Counts, objective_of, sequential_improvement

MAX_ROUNDS = 20  # two or three are usual
N_TRIED = 3  # of the best pairs of a split and a merger
CUTS = (0.1, 0.25, 0.5, 0.75, 0.9)  # quantiles of the second eigenvector at which a split starts


def split_and_merge(counts: Counts, clusters: Clusters, k: int) -> Clusters:
    """Clusters with at least the retention of those given, and which no split with a merger betters."""
    for _ in range(MAX_ROUNDS):
        better = _step(counts, clusters, k)
        if better is None:
            break
        clusters = better
    return clusters


def _step(counts: Counts, clusters: Clusters, k: int) -> Clusters | None:
    """The first of the best candidates that is better, or None."""
    member = np.eye(k)[clusters]
    costs = _merger_costs(member.T @ counts @ member)
    halves = {c: found for c in range(k) if (found := _split(counts, clusters == c))}
    candidates = [
        (halves[c][0] - costs[a, b], a, b, c)
        for a, b in combinations(range(k), 2)
        for c in halves
        if c not in (a, b)
    ]
    now = objective_of(counts, clusters, k, "retention")
    for _, a, b, c in sorted(candidates, reverse=True)[:N_TRIED]:
        changed = np.where(clusters == b, a, clusters)
        changed[halves[c][1]] = b
        changed = sequential_improvement(counts, changed, k, "retention")
        if objective_of(counts, changed, k, "retention") > now + 1e-9:
            return changed
    return None


def _merger_costs(between: Float[np.ndarray, "k k"]) -> Float[np.ndarray, "k k"]:
    """How much retention each pair of clusters has less as one."""
    totals, own = np.maximum(between.sum(0), 1e-12), between.diagonal()
    apart = own / totals
    together = (own[:, None] + own + 2 * between) / (totals[:, None] + totals)
    costs: np.ndarray = apart[:, None] + apart - together
    return costs


def _split(counts: Counts, is_in: np.ndarray) -> tuple[float, Int[np.ndarray, "p"]] | None:
    """What the best split of a cluster gains, and the over-clusters of one half; None if there is none."""
    inside, outside = np.flatnonzero(is_in), np.flatnonzero(~is_in)
    n = len(inside)
    if n < 2:
        return None
    few = np.zeros((n + 1, n + 1))  # all over-clusters outside are one
    few[:n, :n] = counts[np.ix_(inside, inside)]
    few[:n, n] = few[n, :n] = counts[np.ix_(inside, outside)].sum(1)
    few[n, n] = counts[np.ix_(outside, outside)].sum()
    root = np.maximum(few[:n, :n].sum(1), 1e-9) ** -0.5
    order = np.linalg.eigh(root[:, None] * few[:n, :n] * root).eigenvectors[:, -2] * root
    starts = [(order > np.quantile(order, cut)).astype(np.int64) for cut in CUTS]
    starts = [np.append(start, 2) for start in starts if start.any()]
    ends = [sequential_improvement(few, start, 3, "retention") for start in starts]
    ends = [end for end in ends if (end[:n] == 1).any()]
    if not ends:
        return None
    best = max(ends, key=lambda end: objective_of(few, end, 3, "retention"))
    whole = np.append(np.zeros(n, np.int64), 1)
    gain = objective_of(few, best, 3, "retention") - objective_of(few, whole, 2, "retention")
    return gain, inside[best[:n] == 1]
