"""InfoMEC: modularity, explicitness and compactness (Hsu et al. 2023, "... via latent quantization").

n = images, d = codes, f = factors, m = columns; z_j = a code, s_i = a factor (the paper's source).
"""

import math

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import minimize

from infogan.evaluation.disentanglement.codes_and_factors import (
    CodesAndFactors,
    shortest_arc,
    varying_factors,
)
from infogan.evaluation.disentanglement.mutual_information import mutual_information, mutual_information_knn

MIN_RANGE = 1 / 20  # of the largest
MAX_ITERATIONS = 100
TOLERANCE = 1e-4
JITTER = 1e-10  # of a standard deviation: separates equal numbers


def infomec(train: CodesAndFactors, test: CodesAndFactors, rng: np.random.Generator) -> dict[str, float]:
    """InfoM, InfoE and InfoC, each in [0, 1], of `train` alone.

    InfoM: whether each active code informs about one factor; InfoC: whether each factor is in one active
    code (`prominence` of the columns and rows of NMI); InfoE: whether all codes together reveal it linearly
    (`explicitness`). InfoM and InfoC do not say how much information there is: for codes of noise they are
    ratios of estimation errors, far from 0.
    """
    factors = train.factors[:, varying_factors(train)]
    if factors.shape[1] == 0:
        return {"infom": 0.0, "infoe": 0.0, "infoc": 0.0}
    NMI = normalised_information(train, factors, rng)[:, active_codes(train)]
    infoe = float(np.mean([explicitness(train.columns, s) for s in factors.T]))
    return {"infom": prominence(NMI.T), "infoe": infoe, "infoc": prominence(NMI)}


def prominence(rows: Float[np.ndarray, "r n"]) -> float:
    """(mean over rows of max / sum - 1 / n) / (1 - 1 / n), in [0, 1].

    1 if one entry per row is not 0, 0 if all are equal. A row of zeros counts as all equal. If n = 1, any
    other row is 1. Without entries it is 0.
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


def explicitness(columns: Float[np.ndarray, "n m"], s: Int[np.ndarray, "n"]) -> float:
    """(H_null - H_cond) / H_null: the share of a factor that multinomial logistic regression explains.

    H_cond is the least cross-entropy of s, in nats, of any logits linear in the columns on these images;
    H_null that of constant logits, which is H(s). Their difference is the predictive V-information of Xu et
    al. 2020 for that family. The code of Hsu et al. gives all values of s the same weight in the fit but not
    in the loss: its H_null is the logarithm of their number, and its fit not the least. The two agree if the
    values are equally common.

    The fit is not regularised. L-BFGS stops after 100 iterations, as theirs: if the columns separate the
    values perfectly, the weights grow without bound, and H_cond is then a little above 0. As it is fitted to
    these very images, H_cond of noise is below H_null by about m (values - 1) / 2n. s must not be constant.
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
