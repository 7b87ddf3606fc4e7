"""Mutual information between codes and known factors, in nats, and two scores of how exclusive it is.

n = images, d = codes, f = factors, c_j = a code, v_k = a factor.
"""

import math

import numpy as np
from jaxtyping import Float, Int
from scipy.special import digamma

from infogan.evaluation.disentanglement.codes_and_factors import CodesAndFactors, varying_factors

N_NEIGHBOURS = 10  # Hsu et al. 2023


def mig(train: CodesAndFactors, test: CodesAndFactors, rng: np.random.Generator) -> dict[str, float]:
    """Mutual information gap, in [0, 1] (Chen et al. 2018, "Isolating sources of disentanglement", Eq. 6).

        mean over k of (I(v_k; c_best) - I(v_k; c_second)) / H(v_k)

    Uses `train` alone, with discretised codes. If there is one code, the second is 0. A code in 20 bins
    carries at most log 20 of a factor with more values, so even the best code then scores below 1.
    """
    factors = train.factors[:, varying_factors(train)]
    if factors.shape[1] == 0:
        return {"mig": 0.0}
    H = np.array([mutual_information(v, v) for v in factors.T])
    I_vc = pairwise_mutual_information(train.discretise_codes(), factors)
    ranked = np.sort(np.pad(I_vc, ((0, 0), (1, 0))), axis=1)
    gap = (ranked[:, -1] - ranked[:, -2]) / H
    return {"mig": min(1.0, float(gap.mean()))}


def modularity(train: CodesAndFactors, test: CodesAndFactors, rng: np.random.Generator) -> dict[str, float]:
    """Whether each code informs about one factor only, in [0, 1] (Ridgeway and Mozer 2018, Sec. 3).

        mean over j of 1 - sum over k other than the best of I(v_k; c_j)^2 / (theta_j^2 (f - 1))

    with theta_j = max over k of I(v_k; c_j). Uses `train` alone, with discretised codes. A code with I = 0
    for all factors scores 0; with a single factor every other code scores 1. The estimates of I of a code of
    noise are small but not 0, and their ratios are scored like any others.
    """
    factors = train.factors[:, varying_factors(train)]
    if factors.shape[1] == 0:
        return {"modularity": 0.0}
    I_vc = pairwise_mutual_information(train.discretise_codes(), factors)
    theta = I_vc.max(axis=0)
    relative = I_vc[:, theta > 0] / theta[theta > 0]
    others = (relative**2).sum(axis=0) - 1
    return {"modularity": float((1 - others / max(1, len(I_vc) - 1)).sum() / len(theta))}


def pairwise_mutual_information(
    codes: Int[np.ndarray, "n d"], factors: Int[np.ndarray, "n f"]
) -> Float[np.ndarray, "f d"]:
    """I(v_k; c_j) of discrete codes and factors."""
    return np.array([[mutual_information(c, v) for c in codes.T] for v in factors.T])


def mutual_information(a: Int[np.ndarray, "n"], b: Int[np.ndarray, "n"]) -> float:
    """The plug-in estimate of I(a; b), from counts; H(a) = I(a; a).

    Too high by about (values of a - 1) (values of b - 1) / 2n if a and b are independent. Unlike
    sklearn.metrics.mutual_info_score it is exactly 0 for a constant and for counts that factorise.
    """
    k = int(b.max()) + 1
    table = np.bincount(a * k + b, minlength=(int(a.max()) + 1) * k).reshape(-1, k)
    rows, columns = table.nonzero()
    joint = table[rows, columns]
    # A ratio of whole numbers: counts of something constant give 0 exactly.
    ratio = joint * len(a) / (table.sum(axis=1)[rows] * table.sum(axis=0)[columns])
    return max(0.0, float((joint * np.log(ratio)).sum() / len(a)))


def mutual_information_knn(
    c: Float[np.ndarray, "n"], v: Int[np.ndarray, "n"], period: float = math.inf
) -> float:
    """I(c; v) of a continuous c and a discrete v, by nearest neighbours (Ross, PLoS ONE 9, 2014).

        psi(n) - mean psi(n_v) + mean psi(k) - mean psi(m)

    n_v counts the images of an image's value of v; k = 10, or all others if they are fewer; m counts the
    images, itself included, that are nearer than the k-th of its value. Negative estimates become 0. An image
    alone with its value is left out. For a c on a line it is sklearn.feature_selection.mutual_info_classif.

    Args:
        c: hardly any two equal; the estimate counts equal values as neighbours.
        period: of a c on a circle, which must lie in [0, period].
    """
    shared = np.bincount(v)[v] > 1
    c, v = c[shared], v[shared]
    if len(c) == 0:
        return 0.0
    order = np.argsort(c)
    c, v = c[order], v[order]
    n_v = np.bincount(v)[v]
    k = np.minimum(N_NEIGHBOURS, n_v - 1)
    radius = np.empty(len(c))
    for value in np.unique(v):
        members = v == value
        radius[members] = _kth_distance(c[members], k[members][0], period)
    around = np.concatenate([c - period, c, c + period])
    radius = np.nextafter(radius, 0)
    nearer = np.searchsorted(around, c + radius, "left") - np.searchsorted(around, c - radius, "right")
    equal = np.searchsorted(c, c, "right") - np.searchsorted(c, c, "left")
    m = np.maximum(nearer, equal)  # equal values count even if the k-th distance is 0
    terms = digamma(len(c)) - digamma(n_v) + digamma(k) - digamma(m)
    return max(0.0, float(terms.mean()))


def _kth_distance(c: Float[np.ndarray, "n"], k: int, period: float) -> Float[np.ndarray, "n"]:
    """The distance from each of these sorted numbers to the k-th nearest of the others, k < n.

    A number and its k nearest are a run of k + 1: of all such runs the one that reaches least far.
    """
    around = np.concatenate([c[-k:] - period, c, c[:k] + period])
    first = np.arange(len(c))[:, None] + np.arange(k + 1)
    reaches = np.maximum(c[:, None] - around[first], around[first + k] - c[:, None])
    nearest: np.ndarray = reaches.min(axis=1)
    return nearest
