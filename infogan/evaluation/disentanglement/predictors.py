"""Scores by regressors and classifiers that predict each factor from the codes: DCI, SAP, explicitness.

A factor is left out if it has one value in `train`, for explicitness also if it has one in `test`; the scores
are 0 if none is left.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.special import entr
from scipy.stats import mannwhitneyu
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Lasso, LogisticRegression
from sklearn.svm import LinearSVC

from infogan.evaluation.disentanglement.codes_and_factors import (
    CodesAndFactors,
    standardise_columns,
    varying_factors,
)

N_TREES = 10
MIN_SAMPLES_LEAF = 20  # smaller leaves fit noise, which raises the importance of codes of pure noise
N_STANDARD_ERRORS = 4  # of a correlation: correlations of pure noise are smaller, so noise has no weight


def disentanglement(R: Float[np.ndarray, "d f"]) -> float:
    """The D of DCI: sum_i rho_i D_i, in [0, 1], and 1 if each code serves one factor.

        D_i = 1 - H_f(P_i),    P_ij = R_ij / sum_k R_ik,    rho_i = sum_j R_ij / sum R

    R_ij is the importance of code i for factor j (Eastwood and Williams, ICLR 2018, Sec. 2), H_f the entropy
    to base f. An unused code has no weight. 0 if R is 0 throughout; otherwise 1 for a single factor.
    """
    total, f = R.sum(axis=1), R.shape[1]
    if total.sum() == 0 or f == 1:
        return float(total.sum() > 0)
    P = R / np.where(total > 0, total, 1)[:, None]
    H = entr(P).sum(axis=1)
    return max(0.0, 1 - float(total @ H / total.sum()) / math.log(f))  # 1 at most, as no H is negative


def completeness(R: Float[np.ndarray, "d f"]) -> float:
    """The C of DCI, in [0, 1], and 1 if each factor is served by one code: `disentanglement` of R^T.

    The weight of a factor is sum_i R_ij / sum R, as in disentanglement_lib. The authors' own code takes the
    plain mean, which is the same for a forest: its factors weigh alike.
    """
    return disentanglement(R.T)


def dci_forest(train: CodesAndFactors, test: CodesAndFactors, rng: np.random.Generator) -> dict[str, float]:
    """DCI of a random forest for each factor, in [0, 1]; not comparable with DCI of another regressor.

    Ten trees that may use every column at every split. Importance is the mean decrease of Gini impurity. It
    sums to 1 for a factor, however badly the factor is predicted, so codes of noise take a share of what is
    hard to predict. Informativeness is the accuracy on the test images, mean over the factors: chance is not
    0. The authors use forests as well; disentanglement_lib's boosted trees are too slow for factors of 40
    values.
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
    return _dci_scores("dci", importances, accuracies)


def dci_lasso(train: CodesAndFactors, test: CodesAndFactors, rng: np.random.Generator) -> dict[str, float]:
    """DCI of a linear regression with an L1 penalty for each factor, in [0, 1]. `rng` is not used.

    Importance is the standard deviation of what a code adds to the prediction. The penalty is 4 / sqrt(n), in
    units of a correlation: one chosen by cross-validation leaves a few small weights in pure noise, which
    then looks disentangled. Informativeness is R^2 on the test images, at least 0, mean over the factors.

    Limits: it treats a categorical factor as if its values had an order, it finds only what is linear, and it
    may use only one of two equal codes, so that copies do not lower completeness.
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
    return _dci_scores("dci_lasso", importances, R2)


def _dci_scores(
    name: str, importances: Sequence[Float[np.ndarray, "d"]], informativeness: Sequence[float]
) -> dict[str, float]:
    R = np.stack(importances, axis=1) if importances else np.zeros((1, 1))
    return {
        f"{name}_disentanglement": disentanglement(R),
        f"{name}_completeness": completeness(R),
        f"{name}_informativeness": float(np.mean(informativeness)) if informativeness else 0.0,
    }


def sap(train: CodesAndFactors, test: CodesAndFactors, rng: np.random.Generator) -> dict[str, float]:
    """How much better the best code predicts a factor than the second best, mean over the factors, in [0, 1].

    The separated attribute predictability score (Kumar et al., ICLR 2018, Sec. 3): the test accuracy of a
    linear support vector machine on the standardised columns of one code, with the settings of
    disentanglement_lib. The best SAP is 1 minus the chance level. `rng` is not used. A line cannot separate a
    middle value from both sides, so a number scores low for a factor of many values; a category does not.
    """
    x, x_test = standardise_columns(train, test)
    gaps: list[float] = []
    for factor in varying_factors(train):
        y, y_test = train.factors[:, factor], test.factors[:, factor]
        accuracies: list[float] = []
        for i in range(len(train.kinds)):
            columns = train.code_of_column == i
            # The primal problem has k + 1 unknowns per value and takes a few Newton steps; the dual has n.
            svm = LinearSVC(C=0.01, class_weight="balanced", dual=False).fit(x[:, columns], y)
            accuracies.append(svm.score(x_test[:, columns], y_test))
        gaps.append(best_gap(accuracies, float((y_test == np.bincount(y).argmax()).mean())))
    return {"sap": float(np.mean(gaps)) if gaps else 0.0}


def best_gap(accuracies: Sequence[float], majority: float) -> float:
    """The best minus the second best accuracy; of a single code the gain over `majority`, at least 0."""
    if len(accuracies) == 1:
        return max(0.0, accuracies[0] - majority)
    second, best = sorted(accuracies)[-2:]
    return best - second


def explicitness(train: CodesAndFactors, test: CodesAndFactors, rng: np.random.Generator) -> dict[str, float]:
    """How well a linear classifier separates each value of a factor from the rest, in [0, 1]; chance is 0.5.

    The area under the ROC curve of each value's probability on the test images, by a multinomial logistic
    regression on the standardised columns of all codes (C = 1, as in disentanglement_lib); the mean over the
    values found in both parts, then over the factors (Ridgeway and Mozer, NeurIPS 2018). `rng` is not used.
    It does not tell whether a factor is in one code or in many.
    """
    x, x_test = standardise_columns(train, test)
    areas: list[float] = []
    for factor in varying_factors(train, test):
        y, y_test = train.factors[:, factor], test.factors[:, factor]
        shared = np.intersect1d(y, y_test)
        if shared.size:
            model = LogisticRegression(max_iter=10_000).fit(x, y)
            P = model.predict_proba(x_test)[:, np.searchsorted(model.classes_, shared)]
            areas.append(float(np.mean([_roc_auc(y_test == v, p) for p, v in zip(P.T, shared, strict=True)])))
    return {"explicitness": float(np.mean(areas)) if areas else 0.0}


def _roc_auc(positive: np.ndarray, p: np.ndarray) -> float:
    # Mann and Whitney's U is exact in its ranks, unlike the trapezoids of sklearn.metrics.roc_auc_score.
    statistic = mannwhitneyu(p[positive], p[~positive], method="asymptotic").statistic
    return float(statistic / (positive.sum() * (~positive).sum()))
