"""Many clusters made few: merged pair by pair, so that least is lost of what neighbours tell of each other.

The agglomerative information bottleneck (Slonim and Tishby 1999, "Agglomerative Information Bottleneck") of
a law P(k, k') of two neighbours' clusters, which is alike both ways: a merger is one of rows and columns.
"""

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import xlogy

Law = Float[np.ndarray, "m m"]


def information_of(P: Law) -> float:
    """I(k; k') of a joint law that is alike both ways, in nats."""
    return float(xlogy(P, P).sum() - 2 * xlogy(P.sum(0), P.sum(0)).sum())


def merge(P: Law, k: int) -> Bool[np.ndarray, "m k"]:
    """Which of k groups each of m clusters is in, in the order of each group's first cluster.

    Greedy: of all pairs the one whose merging takes least off I, until k are left.

    Args:
        P: symmetric, of sum 1.
    """
    groups = np.eye(len(P), dtype=bool)
    while len(P) > k:
        loss = _losses(P)
        i, j = sorted(map(int, np.unravel_index(loss.argmin(), loss.shape)))
        groups[:, i] |= groups[:, j]
        P = _added(_added(P, i, j).T, i, j)
        groups = np.delete(groups, j, axis=1)
    return groups


def _added(P: Float[np.ndarray, "m n"], i: int, j: int) -> Float[np.ndarray, "l n"]:
    """Row j added to row i, and gone."""
    P = P.copy()
    P[i] += P[j]
    return np.delete(P, j, axis=0)


def _losses(P: Law) -> Law:
    """What merging i and j takes off I, in nats; infinite for i = j."""
    own, p, h = P.diagonal(), P.sum(0), xlogy(P, P)
    # The cells of rows and columns i and j, before: all of both rows twice, but for the four in common.
    rows = h.sum(1)
    before = 2 * (rows[:, None] + rows[None]) - _plogp(own)[:, None] - _plogp(own)[None] - 2 * h
    # And after: a cell P_il + P_jl for every other l, twice, and one for the pair itself.
    sums = P[:, None, :] + P[None, :, :]
    others = xlogy(sums, sums).sum(2) - _plogp(own[:, None] + P) - _plogp(P + own[None])
    after = 2 * others + _plogp(own[:, None] + own[None] + 2 * P)
    sizes = 2 * (_plogp(p[:, None] + p[None]) - _plogp(p)[:, None] - _plogp(p)[None])
    loss: Law = before - after + sizes
    np.fill_diagonal(loss, np.inf)
    return loss


def _plogp(p: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """p log p, 0 at 0."""
    product: Float[np.ndarray, "*n"] = xlogy(p, p)
    return product
