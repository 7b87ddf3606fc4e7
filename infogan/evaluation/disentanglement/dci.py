"""Disentanglement, completeness and informativeness (Eastwood and Williams, ICLR 2018).

A regressor predicts each factor from the columns of all codes, and says how much it used each code: that is
R, the importance of d codes for f factors. The numbers depend on what the regressor is, and what it calls
importance: those of two regressors cannot be compared.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float, Int
from scipy.special import entr
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Lasso

from infogan.evaluation.disentanglement.pairs import Pairs, standardised

TREES = 10
LEAF = 20  # images at least; smaller leaves learn noise, and so raise the importance of codes that are noise
ERRORS = 4  # standard errors of a correlation: more than one of pure noise reaches, so noise has no weight


def disentanglement(R: Float[np.ndarray, "d f"]) -> float:
    """Sec. 2: sum_i rho_i D_i, in [0, 1], and 1 where each code serves one factor.

        D_i = 1 - H_f(P_i),    P_ij = R_ij / sum_k R_ik,    rho_i = sum_j R_ij / sum R

    H_f is the entropy to the base f. A code that nothing uses has no weight. 0 where R is 0 throughout;
    otherwise 1 for a single factor.
    """
    return _concentration(R)


def completeness(R: Float[np.ndarray, "d f"]) -> float:
    """Sec. 2: the weighted mean of C_j, in [0, 1], and 1 where each factor is served by one code.

        C_j = 1 - H_d(P_j),    P_ij = R_ij / sum_k R_kj

    H_d is the entropy to the base d. The weight of a factor is sum_i R_ij / sum R, as in disentanglement_lib.
    The authors' own code takes the plain mean, which is the same for a forest: its factors weigh alike.
    0 where R is 0 throughout; otherwise 1 for a single code.
    """
    return _concentration(R.T)


def dci_forest(fit: Pairs, test: Pairs, rng: np.random.Generator) -> dict[str, float]:
    """DCI of a random forest for each factor, in [0, 1].

    Ten trees that may use every column at every cut, with leaves of 20 images or more. Importance is the
    mean fall of Gini impurity; it sums to 1 for a factor, however badly that is predicted, so that codes of
    noise take a share of what is hard to predict. Informativeness is the share of the test's images whose
    value is predicted, mean over the factors: its chance level is not 0. The authors use forests as well;
    disentanglement_lib's boosted trees are too slow for factors of 40 values.
    """
    x, x_test = standardised(fit, test)  # trees count in float32, and see no difference below 1e-7
    used: list[np.ndarray] = []
    predicted: list[float] = []
    for y, y_test in _varying(fit, test):
        forest = RandomForestClassifier(
            TREES,
            min_samples_leaf=LEAF,
            max_features=None,
            random_state=int(rng.integers(2**31)),
        )
        forest.fit(x, y)
        used.append(np.bincount(fit.owners, forest.feature_importances_, len(fit.kinds)))
        predicted.append(forest.score(x_test, y_test))
    return _scores("dci", used, predicted)


def dci_lasso(fit: Pairs, test: Pairs, rng: np.random.Generator) -> dict[str, float]:
    """DCI of a linear regression with an L1 penalty for each factor, in [0, 1]. Draws nothing from `rng`.

    Columns and factors are standardised; importance is the deviation of what a code adds to the prediction,
    which for a number is the size of its weight. The penalty is 4 / sqrt(n), in
    units of a correlation: 0.04 for 10,000 images. One chosen by cross-validation leaves a few small weights
    in pure noise, which then looks disentangled. Informativeness is R^2 on the test's images, or 0 where it
    is below, mean over the factors; the penalty takes a little off it.

    What it cannot see: it treats a factor as the whole number of its value, and so reads an order into a
    category; it finds what is linear; and of two codes that are the same it may use one alone, so that
    copies do not lower completeness.
    """
    x, x_test = standardised(fit, test)
    used: list[np.ndarray] = []
    predicted: list[float] = []
    for y, y_test in _varying(fit, test):
        lasso = Lasso(ERRORS / math.sqrt(len(y)) * y.std(), max_iter=10_000).fit(x, y)
        parts = x * lasso.coef_ / y.std()
        used.append(np.array([parts[:, fit.owners == i].sum(axis=1).std() for i in range(len(fit.kinds))]))
        predicted.append(max(0.0, lasso.score(x_test, y_test)))
    return _scores("dci_lasso", used, predicted)


def _varying(fit: Pairs, test: Pairs) -> Iterator[tuple[Int[np.ndarray, "n"], Int[np.ndarray, "k"]]]:
    return ((y, z) for y, z in zip(fit.factors.T, test.factors.T, strict=True) if np.ptp(y) > 0)


def _scores(
    name: str, used: Sequence[Float[np.ndarray, "d"]], predicted: Sequence[float]
) -> dict[str, float]:
    R = np.stack(used, axis=1) if used else np.zeros((1, 1))
    return {
        f"{name}_disentanglement": disentanglement(R),
        f"{name}_completeness": completeness(R),
        f"{name}_informativeness": float(np.mean(predicted)) if predicted else 0.0,
    }


def _concentration(R: Float[np.ndarray, "rows k"]) -> float:
    """The mean over the rows of 1 - H / log k, weighted by the rows' sums."""
    total, k = R.sum(axis=1), R.shape[1]
    if total.sum() == 0 or k == 1:
        return float(total.sum() > 0)
    P = R / np.where(total > 0, total, 1)[:, None]
    H = entr(P).sum(axis=1)
    return max(0.0, 1 - float(total @ H / total.sum()) / math.log(k))  # 1 at most, as no H is negative
