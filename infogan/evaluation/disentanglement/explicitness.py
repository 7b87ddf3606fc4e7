"""Explicitness (Ridgeway and Mozer, NeurIPS 2018)."""

import numpy as np
from scipy.stats import mannwhitneyu
from sklearn.linear_model import LogisticRegression

from infogan.evaluation.disentanglement.codes_and_factors import (
    CodesAndFactors,
    standardise_columns,
    varying_factors,
)


def explicitness(train: CodesAndFactors, test: CodesAndFactors, rng: np.random.Generator) -> dict[str, float]:
    """How well a linear classifier separates each value of a factor from the rest, in [0, 1]; chance is 0.5.

    For each factor, a multinomial logistic regression on the standardised columns of all codes, with an L2
    penalty of C = 1 (disentanglement_lib's). The probability of each value is scored by the area under its
    ROC curve on the test images; the mean over the values found in both parts, then over the factors. A
    factor with one value in either part is left out. `rng` is not used.

    It uses all codes together, so it does not tell whether a factor is in one code or in many.
    """
    x, x_test = standardise_columns(train, test)
    areas: list[float] = []
    for factor in varying_factors(train, test):
        y, y_test = train.factors[:, factor], test.factors[:, factor]
        shared = np.intersect1d(y, y_test)
        if not shared.size:
            continue
        model = LogisticRegression(max_iter=10_000).fit(x, y)
        P = model.predict_proba(x_test)[:, np.searchsorted(model.classes_, shared)]
        areas.append(float(np.mean([_roc_auc(y_test == v, p) for p, v in zip(P.T, shared, strict=True)])))
    return {"explicitness": float(np.mean(areas)) if areas else 0.0}


def _roc_auc(positive: np.ndarray, p: np.ndarray) -> float:
    # Mann and Whitney's U is exact in its ranks, unlike the trapezoids of sklearn.metrics.roc_auc_score.
    statistic = mannwhitneyu(p[positive], p[~positive], method="asymptotic").statistic
    return float(statistic / (positive.sum() * (~positive).sum()))
