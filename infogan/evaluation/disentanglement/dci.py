"""Disentanglement, completeness and informativeness (Eastwood and Williams, ICLR 2018).

A regressor predicts each factor from the columns of all codes. R holds the importance of each of d codes for
each of f factors. The scores depend on the regressor and on its definition of importance: those of two
regressors cannot be compared.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.special import entr
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Lasso

from infogan.evaluation.disentanglement.codes_and_factors import (
    CodesAndFactors,
    standardise_columns,
    varying_factors,
)

N_TREES = 10
MIN_SAMPLES_LEAF = 20  # smaller leaves learn noise, and so raise the importance of codes that are noise
N_STANDARD_ERRORS = 4  # of a correlation: more than one of pure noise reaches, so noise has no weight


def disentanglement(R: Float[np.ndarray, "d f"]) -> float:
    """Sec. 2: sum_i rho_i D_i, in [0, 1], and 1 if each code serves one factor.

        D_i = 1 - H_f(P_i),    P_ij = R_ij / sum_k R_ik,    rho_i = sum_j R_ij / sum R

    H_f is the entropy to the base f. An unused code has no weight. 0 if R is 0 throughout; otherwise 1 for a
    single factor.
    """
    return _concentration(R)


def completeness(R: Float[np.ndarray, "d f"]) -> float:
    """Sec. 2: the weighted mean of C_j, in [0, 1], and 1 if each factor is served by one code.

        C_j = 1 - H_d(P_j),    P_ij = R_ij / sum_k R_kj

    H_d is the entropy to the base d. The weight of a factor is sum_i R_ij / sum R, as in disentanglement_lib.
    The authors' own code takes the plain mean, which is the same for a forest: its factors weigh alike.
    0 if R is 0 throughout; otherwise 1 for a single code.
    """
    return _concentration(R.T)


def dci_forest(train: CodesAndFactors, test: CodesAndFactors, rng: np.random.Generator) -> dict[str, float]:
    """DCI of a random forest for each factor, in [0, 1].

    Ten trees that may use every column at every split, with leaves of 20 images or more. Importance is the
    mean decrease of Gini impurity. It sums to 1 for a factor, however badly the factor is predicted, so codes
    of noise take a share of what is hard to predict. Informativeness is the accuracy on the test images,
    mean over the factors: its chance level is not 0. The authors use forests as well; disentanglement_lib's
    boosted trees are too slow for factors of 40 values.
    """
    x, x_test = standardise_columns(train, test)  # trees use float32, and see no difference below 1e-7
    importances: list[np.ndarray] = []
    accuracies: list[float] = []
    for factor in varying_factors(train):
        forest = RandomForestClassifier(
            N_TREES,
            min_samples_leaf=MIN_SAMPLES_LEAF,
            max_features=None,
            random_state=int(rng.integers(2**31)),
        )
        forest.fit(x, train.factors[:, factor])
        importances.append(np.bincount(train.code_of_column, forest.feature_importances_, len(train.kinds)))
        accuracies.append(forest.score(x_test, test.factors[:, factor]))
    return _scores("dci", importances, accuracies)


def dci_lasso(train: CodesAndFactors, test: CodesAndFactors, rng: np.random.Generator) -> dict[str, float]:
    """DCI of a linear regression with an L1 penalty for each factor, in [0, 1]. `rng` is not used.

    Columns and factors are standardised. Importance is the standard deviation of what a code adds to the
    prediction; for a number that is the size of its weight. The penalty is 4 / sqrt(n), in units of a
    correlation: 0.04 for 10,000 images. One chosen by cross-validation leaves a few small weights in pure
    noise, which then looks disentangled. Informativeness is R^2 on the test images, or 0 if R^2 is negative,
    mean over the factors; the penalty lowers it a little.

    Limits: it treats a factor as the whole number of its value, and so reads an order into a category; it
    finds what is linear; and it may use only one of two equal codes, so copies do not lower completeness.
    """
    x, x_test = standardise_columns(train, test)
    importances: list[np.ndarray] = []
    R2: list[float] = []
    for factor in varying_factors(train):
        y = train.factors[:, factor]
        lasso = Lasso(N_STANDARD_ERRORS / math.sqrt(len(y)) * y.std(), max_iter=10_000).fit(x, y)
        parts = x * lasso.coef_ / y.std()
        of_code = [parts[:, train.code_of_column == i].sum(axis=1).std() for i in range(len(train.kinds))]
        importances.append(np.array(of_code))
        R2.append(max(0.0, lasso.score(x_test, test.factors[:, factor])))
    return _scores("dci_lasso", importances, R2)


def _scores(
    name: str, importances: Sequence[Float[np.ndarray, "d"]], informativeness: Sequence[float]
) -> dict[str, float]:
    R = np.stack(importances, axis=1) if importances else np.zeros((1, 1))
    return {
        f"{name}_disentanglement": disentanglement(R),
        f"{name}_completeness": completeness(R),
        f"{name}_informativeness": float(np.mean(informativeness)) if informativeness else 0.0,
    }


def _concentration(R: Float[np.ndarray, "rows k"]) -> float:
    """The mean over the rows of 1 - H / log k, weighted by the rows' sums."""
    total, k = R.sum(axis=1), R.shape[1]
    if total.sum() == 0 or k == 1:
        return float(total.sum() > 0)
    P = R / np.where(total > 0, total, 1)[:, None]
    H = entr(P).sum(axis=1)
    return max(0.0, 1 - float(total @ H / total.sum()) / math.log(k))  # 1 at most, as no H is negative
