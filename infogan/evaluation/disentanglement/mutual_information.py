"""How much codes tell of known factors, in nats, and two scores of how exclusively they tell it.

n = images, d = codes, f = factors, c_j = a code, v_k = a factor.
"""

import math

import numpy as np
from jaxtyping import Float, Int
from scipy.special import digamma

from infogan.evaluation.disentanglement.pairs import Pairs

NEIGHBOURS = 10  # Hsu et al. 2023


def mig(fit: Pairs, test: Pairs, rng: np.random.Generator) -> dict[str, float]:
    """Mutual information gap, in [0, 1] (Chen et al. 2018, "Isolating sources of disentanglement", Eq. 6).

        mean over k of (I(v_k; c_best) - I(v_k; c_second)) / H(v_k)

    Of `fit` alone, the codes in `Pairs.bins`. The second of a single code is 0. A code in 20 bins cannot tell
    more than log 20 of a factor with more values, so there even the best falls short of 1.
    """
    factors = varying(fit.factors)
    if factors.shape[1] == 0:
        return {"mig": 0.0}
    H = np.array([plug_in(v, v) for v in factors.T])
    ranked = np.sort(np.pad(information(fit.bins(), factors), ((0, 0), (1, 0))), axis=1)
    gap = (ranked[:, -1] - ranked[:, -2]) / H
    return {"mig": min(1.0, float(gap.mean()))}


def modularity(fit: Pairs, test: Pairs, rng: np.random.Generator) -> dict[str, float]:
    """Whether each code tells of one factor alone, in [0, 1] (Ridgeway and Mozer 2018, Sec. 3).

        mean over j of 1 - sum over k other than the best of I(v_k; c_j)^2 / (theta_j^2 (f - 1))

    with theta_j = max over k of I(v_k; c_j). Of `fit` alone, the codes in `Pairs.bins`. A code that tells of
    nothing, I = 0 throughout, scores 0; with a single factor every other code scores 1. A code of noise is
    not nothing: its I are small but not 0, and their ratios score as any do.
    """
    factors = varying(fit.factors)
    if factors.shape[1] == 0:
        return {"modularity": 0.0}
    I_vc = information(fit.bins(), factors)
    theta = I_vc.max(axis=0)
    relative = I_vc[:, theta > 0] / theta[theta > 0]
    others = (relative**2).sum(axis=0) - 1
    return {"modularity": float((1 - others / max(1, len(I_vc) - 1)).sum() / len(theta))}


def varying(factors: Int[np.ndarray, "n f"]) -> Int[np.ndarray, "n g"]:
    """The factors that take more than one value."""
    vary: Int[np.ndarray, "n g"] = factors[:, (factors != factors[0]).any(axis=0)]
    return vary


def information(codes: Int[np.ndarray, "n d"], factors: Int[np.ndarray, "n f"]) -> Float[np.ndarray, "f d"]:
    """I(v_k; c_j) of whole numbers."""
    return np.array([[plug_in(c, v) for c in codes.T] for v in factors.T])


def plug_in(a: Int[np.ndarray, "n"], b: Int[np.ndarray, "n"]) -> float:
    """I(a; b) of the counts as they stand; H(a) = I(a; a).

    Too high by about (values of a - 1) (values of b - 1) / 2n for an a and b that are independent.
    """
    k = int(b.max()) + 1
    table = np.bincount(a * k + b, minlength=(int(a.max()) + 1) * k).reshape(-1, k)
    rows, columns = table.nonzero()
    joint = table[rows, columns]
    # A ratio of whole numbers: counts of something constant give 0 exactly.
    ratio = joint * len(a) / (table.sum(axis=1)[rows] * table.sum(axis=0)[columns])
    return max(0.0, float((joint * np.log(ratio)).sum() / len(a)))


def nearest_neighbours(c: Float[np.ndarray, "n"], v: Int[np.ndarray, "n"], period: float = math.inf) -> float:
    """I(c; v) of a continuous c and a discrete v, by nearest neighbours (Ross, PLoS ONE 9, 2014).

        psi(n) - mean psi(n_v) + mean psi(k) - mean psi(m)

    n_v is how many images share an image's value of v; k = 10, or all others if they are fewer; m counts the
    images, itself too, that are nearer than the k-th of its value. What is below 0 is 0. An image alone with
    its value is left out.

    Args:
        c: few of them alike; the estimate takes what is alike for a coincidence.
        period: of a c that lies on a circle, where it is in [0, period].
    """
    shared = np.bincount(v)[v] > 1
    c, v = c[shared], v[shared]
    if len(c) == 0:
        return 0.0
    order = np.argsort(c)
    c, v = c[order], v[order]
    reach, n_v, k = np.empty(len(c)), np.empty(len(c)), np.empty(len(c))
    for value in np.unique(v):
        here = v == value
        count = int(here.sum())
        nearest = min(NEIGHBOURS, count - 1)
        n_v[here], k[here], reach[here] = count, nearest, _distance(c[here], nearest, period)
    around = np.concatenate([c - period, c, c + period])
    reach = np.nextafter(reach, 0)
    nearer = np.searchsorted(around, c + reach, "left") - np.searchsorted(around, c - reach, "right")
    alike = np.searchsorted(c, c, "right") - np.searchsorted(c, c, "left")
    m = np.maximum(nearer, alike)  # which are nearer, too, where the k-th is no distance away
    terms = digamma(len(c)) - digamma(n_v) + digamma(k) - digamma(m)
    return max(0.0, float(terms.mean()))


def _distance(c: Float[np.ndarray, "n"], k: int, period: float) -> Float[np.ndarray, "n"]:
    """From each of these ordered numbers to the k-th nearest of the others, k < n.

    It and its k nearest are k + 1 in a row, and of all such rows the one that reaches least far.
    """
    around = np.concatenate([c[-k:] - period, c, c[:k] + period])
    first = np.arange(len(c))[:, None] + np.arange(k + 1)
    reaches = np.maximum(c[:, None] - around[first], around[first + k] - c[:, None])
    nearest: np.ndarray = reaches.min(axis=1)
    return nearest
