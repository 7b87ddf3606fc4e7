"""Scores that count information between codes and factors, in nats: MIG, modularity and InfoMEC.

n = images, d = codes, f = factors, m = columns; c_j or z_j = a code, v_k or s_i = a factor, as in the papers.
"""

import math

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import minimize
from scipy.special import digamma

from infogan.evaluation.disentanglement.codes_and_factors import (
    CodesAndFactors,
    shortest_arc,
    varying_factors,
)

N_NEIGHBOURS = 10  # Hsu et al. 2023
MIN_RANGE = 1 / 20  # of the largest
MAX_ITERATIONS = 100
TOLERANCE = 1e-4
JITTER = 1e-10  # of a standard deviation: separates equal numbers


def mig(train: CodesAndFactors, test: CodesAndFactors, rng: np.random.Generator) -> dict[str, float]:
    """Mutual information gap, in [0, 1] (Chen et al. 2018, "Isolating sources of disentanglement", Eq. 6).

        mean over k of (I(v_k; c_best) - I(v_k; c_second)) / H(v_k)

    of discretised codes of `train`; with a single code the second is 0. A code in 20 bins carries at most
    log 20 nats about a factor, so for a factor with more values even the best code scores below 1.
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

    with theta_j = max over k of I(v_k; c_j), of discretised codes of `train`. A code with I = 0 for all
    factors scores 0; with a single factor every other code scores 1.
    """
    factors = train.factors[:, varying_factors(train)]
    if factors.shape[1] == 0:
        return {"modularity": 0.0}
    I_vc = pairwise_mutual_information(train.discretise_codes(), factors)
    theta = I_vc.max(axis=0)
    relative = I_vc[:, theta > 0] / theta[theta > 0]
    others = (relative**2).sum(axis=0) - 1
    return {"modularity": float((1 - others / max(1, len(I_vc) - 1)).sum() / len(theta))}


def infomec(train: CodesAndFactors, test: CodesAndFactors, rng: np.random.Generator) -> dict[str, float]:
    """InfoM, InfoE and InfoC, in [0, 1], of `train` alone (Hsu et al. 2023, "... via latent quantization").

    InfoM: whether each active code informs about one factor; InfoC: whether each factor is in one active
    code (`prominence` of the columns and rows of NMI); InfoE: whether all codes together reveal it linearly
    (`predictive_information`). InfoM and InfoC do not say how much information there is: for codes of noise
    they are ratios of estimation errors, far from 0.
    """
    factors = train.factors[:, varying_factors(train)]
    if factors.shape[1] == 0:
        return {"infom": 0.0, "infoe": 0.0, "infoc": 0.0}
    NMI = normalised_information(train, factors, rng)[:, active_codes(train)]
    infoe = float(np.mean([predictive_information(train.columns, s) for s in factors.T]))
    return {"infom": prominence(NMI.T), "infoe": infoe, "infoc": prominence(NMI)}


def prominence(rows: Float[np.ndarray, "r n"]) -> float:
    """(mean over rows of max / sum - 1 / n) / (1 - 1 / n), in [0, 1].

    1 if one entry per row is not 0, 0 if all are equal. A row of zeros counts as all equal. If n = 1, any
    other row is 1.
    """
    r, n = rows.shape
    if rows.size == 0:
        return 0.0
    nonzero = rows[rows.sum(axis=1) > 0]
    share = nonzero.max(axis=1) / nonzero.sum(axis=1)
    above = np.clip((n * share - 1) / (n - 1), 0, 1) if n > 1 else share
    return float(above.sum() / r)


def active_codes(data: CodesAndFactors) -> Bool[np.ndarray, "d"]:
    """Which codes vary enough to count.

    A category must take more than one value. The range of a number, or the shortest arc that holds an angle,
    must exceed a twentieth of the largest of its kind: different units do not compare.
    """
    kinds = np.array(data.kinds)
    codes = zip(data.codes.T, data.kinds, strict=True)
    ranges = np.array([shortest_arc(v)[1] if kind == "angle" else float(np.ptp(v)) for v, kind in codes])
    active = ranges > 0
    for kind in ("number", "angle"):
        of_kind = kinds == kind
        active[of_kind] &= ranges[of_kind] > MIN_RANGE * ranges[of_kind].max(initial=0)
    return active


def normalised_information(
    data: CodesAndFactors, factors: Int[np.ndarray, "n f"], rng: np.random.Generator
) -> Float[np.ndarray, "f d"]:
    """NMI[i, j] = I(s_i; z_j) / H(s_i): from counts for a category, by nearest neighbours for other codes.

    An angle's neighbours are its neighbours on the circle, so it does not matter where it is cut. The
    estimate by neighbours is not bounded by H(s_i). No factor may be constant.
    """
    jitter = JITTER * rng.standard_normal(len(data))
    NMI = np.empty((factors.shape[1], len(data.kinds)))
    for i, s in enumerate(factors.T):
        for j, (z, kind) in enumerate(zip(data.codes.T, data.kinds, strict=True)):
            match kind:
                case "category":
                    NMI[i, j] = mutual_information(z.astype(int), s)
                case "number":
                    NMI[i, j] = mutual_information_knn(_standardise(z[:, None])[:, 0] + jitter, s)
                case "angle":
                    NMI[i, j] = mutual_information_knn((z + jitter) % (2 * math.pi), s, 2 * math.pi)
        NMI[i] /= mutual_information(s, s)
    return NMI


def predictive_information(columns: Float[np.ndarray, "n m"], s: Int[np.ndarray, "n"]) -> float:
    """(H_null - H_cond) / H_null: the share of a factor that multinomial logistic regression explains.

    H_cond is the least cross-entropy of s, in nats, of any logits linear in the columns on these images,
    H_null = H(s) that of constant logits: predictive V-information (Xu et al. 2020). The code of Hsu et al.
    gives all values of s the same weight in the fit but not in the loss; the two agree if they are equally
    common.

    The fit is not regularised. L-BFGS stops after 100 iterations, as theirs, so H_cond is a little above 0 if
    the columns separate the values perfectly. For noise it is below H_null by about m (values - 1) / 2n.
    """
    X = np.column_stack([np.ones(len(s)), _standardise(columns)])
    found, y, counts = np.unique(s, return_inverse=True, return_counts=True)
    rows = np.arange(len(s))

    def cross_entropy(flat: Float[np.ndarray, "w"]) -> tuple[float, Float[np.ndarray, "w"]]:
        logits = X @ flat.reshape(-1, len(found))
        logits -= logits.max(axis=1, keepdims=True)
        own_logit = logits[rows, y]
        P = np.exp(logits, out=logits)
        total = P.sum(axis=1, keepdims=True)
        P /= total
        P[rows, y] -= 1
        return float((np.log(total[:, 0]) - own_logit).mean()), (X.T @ P).ravel() / len(s)

    null = np.zeros((X.shape[1], len(found)))
    null[0] = np.log(counts / len(s))  # the best fit without columns, so no fit is worse
    H_null, _ = cross_entropy(null.ravel())
    options = {"maxiter": MAX_ITERATIONS, "gtol": TOLERANCE}
    H_cond = minimize(cross_entropy, null.ravel(), jac=True, method="L-BFGS-B", options=options).fun
    return float((H_null - H_cond) / H_null)


def _standardise(columns: Float[np.ndarray, "n m"]) -> Float[np.ndarray, "n m"]:
    spread = columns.std(axis=0)
    standardised: np.ndarray = (columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return standardised


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
    alone with its value is left out. Hardly any two of c may be equal; a c on a circle lies in [0, period].
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
        radius[members] = _kth_distance(c[members], int(k[members][0]), period)
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
