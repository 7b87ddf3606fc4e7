"""InfoMEC: three shares of information (Hsu et al. 2023, "Disentanglement via latent quantization").

n = images, d = codes, f = factors, m = columns; z_j = a code, s_i = a factor (the paper's source).
"""

import math

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import minimize

from infogan.evaluation.disentanglement.mutual_information import nearest_neighbours, plug_in, varying
from infogan.evaluation.disentanglement.pairs import Pairs
from infogan.method.codes import Kind

LEAST_RANGE = 1 / 20
ITERATIONS = 100
TOLERANCE = 1e-4
JITTER = 1e-10  # of a standard deviation: parts numbers that are alike


def infomec(fit: Pairs, test: Pairs, rng: np.random.Generator) -> dict[str, float]:
    """InfoM, InfoE and InfoC, each in [0, 1], of `fit` alone.

    InfoM asks whether each active code tells of one factor, InfoC whether each factor is told by one active
    code (`prominence` of the columns and rows of NMI), InfoE whether all codes together tell it plainly
    (`explicitness`). InfoM and InfoC are ratios: they do not say how much is told, and of codes of noise they
    are ratios of what the estimate leaves, far from 0.
    """
    factors = varying(fit.factors)
    if factors.shape[1] == 0:
        return {"infom": 0.0, "infoe": 0.0, "infoc": 0.0}
    NMI = normalised_information(fit, factors, rng)[:, active(fit)]
    told = [explicitness(fit.columns, s) for s in factors.T]
    return {"infom": prominence(NMI.T), "infoe": float(np.mean(told)), "infoc": prominence(NMI)}


def prominence(rows: Float[np.ndarray, "r n"]) -> float:
    """(mean over rows of max / sum - 1 / n) / (1 - 1 / n): 1 if one entry alone is not 0, 0 if all are alike.

    A row of zeros counts as all alike. Where n = 1, any other row is 1. Without an entry it is 0.
    """
    r, n = rows.shape
    if rows.size == 0:
        return 0.0
    informs = rows[rows.sum(axis=1) > 0]
    share = informs.max(axis=1) / informs.sum(axis=1)
    above = np.clip((n * share - 1) / (n - 1), 0, 1) if n > 1 else share
    return float(above.sum() / r)


def active(pairs: Pairs) -> Bool[np.ndarray, "d"]:
    """Which codes vary enough to count.

    Those that take more than one value and, numbers and angles, whose range exceeds a twentieth of the
    largest. Ranges in different units do not compare: that of a number is set beside those of numbers, that
    of an angle (the shortest arc that holds it) beside those of angles. So of each kind one is active, if any
    varies. The paper's codes are all of one kind.
    """
    kinds = np.array(pairs.kinds)
    ranges = np.array([_range(v, kind) for v, kind in zip(pairs.values.T, pairs.kinds, strict=True)])
    found = ranges > 0
    for kind in ("number", "angle"):
        alike = kinds == kind
        found[alike] &= ranges[alike] > LEAST_RANGE * ranges[alike].max(initial=0)
    return found


def normalised_information(
    pairs: Pairs, factors: Int[np.ndarray, "n f"], rng: np.random.Generator
) -> Float[np.ndarray, "f d"]:
    """NMI[i, j] = I(s_i; z_j) / H(s_i): of a category by its counts, of others by nearest neighbours.

    An angle's neighbours are its neighbours on the circle, so it does not matter where it is cut. The
    estimate by neighbours is not bounded by H(s_i).

    Args:
        factors: that vary.
    """
    jitter = JITTER * rng.standard_normal(len(pairs))
    NMI = np.empty((factors.shape[1], len(pairs.kinds)))
    for i, s in enumerate(factors.T):
        for j, (z, kind) in enumerate(zip(pairs.values.T, pairs.kinds, strict=True)):
            match kind:
                case "category":
                    NMI[i, j] = plug_in(z.astype(int), s)
                case "number":
                    NMI[i, j] = nearest_neighbours(_standardised(z[:, None])[:, 0] + jitter, s)
                case "angle":
                    NMI[i, j] = nearest_neighbours((z + jitter) % (2 * math.pi), s, 2 * math.pi)
        NMI[i] /= plug_in(s, s)
    return NMI


def explicitness(columns: Float[np.ndarray, "n m"], s: Int[np.ndarray, "n"]) -> float:
    """(H_null - H_cond) / H_null: the share of a factor that multinomial logistic regression tells.

    H_cond is the least cross-entropy of s, in nats, that any logits linear in the columns reach on these
    images; H_null that of logits without columns, which is H(s). Their difference is the predictive
    V-information of Xu et al. 2020 for that family. The code of Hsu et al. weighs all values of s alike in
    the fit but not in the loss: its H_null is the logarithm of their number, and its fit not the least. The
    two agree where the values are equally common.

    The fit is not regularised. L-BFGS stops after 100 iterations, as theirs: where the columns part the
    values wholly the weights have no end, and H_cond is then a little above 0. Being fitted to these very
    images, H_cond of noise is below H_null by about m (values - 1) / 2n.

    Args:
        s: varies.
    """
    X = np.column_stack([np.ones(len(s)), _standardised(columns)])
    found, y, counts = np.unique(s, return_inverse=True, return_counts=True)
    rows = np.arange(len(s))

    def cross_entropy(flat: Float[np.ndarray, "w"]) -> tuple[float, Float[np.ndarray, "w"]]:
        logits = X @ flat.reshape(-1, len(found))
        logits -= logits.max(axis=1, keepdims=True)
        own = logits[rows, y]
        P = np.exp(logits, out=logits)
        total = P.sum(axis=1, keepdims=True)
        P /= total
        P[rows, y] -= 1
        return float((np.log(total[:, 0]) - own).mean()), (X.T @ P).ravel() / len(s)

    null = np.zeros((X.shape[1], len(found)))
    null[0] = np.log(counts / len(s))  # the best without columns, so no fit is worse
    H_null, _ = cross_entropy(null.ravel())
    options = {"maxiter": ITERATIONS, "gtol": TOLERANCE}
    H_cond = minimize(cross_entropy, null.ravel(), jac=True, method="L-BFGS-B", options=options).fun
    return float((H_null - H_cond) / H_null)


def _range(v: Float[np.ndarray, "n"], kind: Kind) -> float:
    if kind != "angle":
        return float(np.ptp(v))
    turned = np.unique(v % (2 * math.pi))
    gaps = np.diff(turned, append=turned[0] + 2 * math.pi)
    return 2 * math.pi - float(gaps.max()) if len(turned) > 1 else 0.0


def _standardised(columns: Float[np.ndarray, "n m"]) -> Float[np.ndarray, "n m"]:
    spread = columns.std(axis=0)
    standardised: np.ndarray = (columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return standardised
