"""Explicitness (Ridgeway and Mozer, NeurIPS 2018)."""

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression

from infogan.evaluation.disentanglement.pairs import Pairs, standardised


def explicitness(fit: Pairs, test: Pairs, rng: np.random.Generator) -> dict[str, float]:
    """How well a linear classifier tells each value of a factor from the rest, in [0, 1]; chance is 0.5.

    For each factor a multinomial logistic regression on the standardised columns of all codes, with an L2
    penalty of C = 1 (disentanglement_lib's). The probability of each value is scored by the area under its
    ROC curve on the test's images; mean over the values that both parts have, then over the factors. A factor
    with one value in either part is left out. Draws nothing from `rng`.

    All codes are used together: it says nothing of whether a factor is in one code or in many.
    """
    x, x_test = standardised(fit, test)
    found: list[float] = []
    for y, y_test in zip(fit.factors.T, test.factors.T, strict=True):
        shared = np.intersect1d(y, y_test)
        if np.ptp(y) == 0 or np.ptp(y_test) == 0 or not shared.size:
            continue
        model = LogisticRegression(max_iter=10_000).fit(x, y)
        P = model.predict_proba(x_test)[:, np.searchsorted(model.classes_, shared)]
        found.append(float(np.mean([area(p, y_test == value) for p, value in zip(P.T, shared, strict=True)])))
    return {"explicitness": float(np.mean(found)) if found else 0.0}


def area(p: Float[np.ndarray, "n"], positive: Bool[np.ndarray, "n"]) -> float:
    """The area under the ROC curve: how often p is larger for a positive than for a negative, ties half.

    By the ranks of the positives (Mann and Whitney); there must be both.
    """
    n = int(positive.sum())
    above = rankdata(p)[positive].sum() - n * (n + 1) / 2
    return float(above / (n * (len(p) - n)))
