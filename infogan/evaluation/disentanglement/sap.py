"""The separated attribute predictability score (Kumar et al., ICLR 2018, Sec. 3)."""

import numpy as np
from jaxtyping import Float
from sklearn.svm import LinearSVC

from infogan.evaluation.disentanglement.codes_and_factors import (
    CodesAndFactors,
    standardise_columns,
    varying_factors,
)


def sap(train: CodesAndFactors, test: CodesAndFactors, rng: np.random.Generator) -> dict[str, float]:
    """How much better the best code predicts a factor than the second best, mean over the factors, in [0, 1].

    The predictor is a linear support vector machine on the columns of one code, with the settings of
    disentanglement_lib: squared hinge, one against the rest, C = 0.01, balanced weights. It is scored by its
    accuracy on the test images, so the best SAP is 1 minus the chance level. Columns are standardised
    first, unlike in disentanglement_lib, so that the unit of a code makes no difference. A single code is
    compared with a prediction of the most common value. `rng` is not used.

    A line cannot separate a middle value from both sides, so a number scores low for a factor of many values
    even if it follows the factor perfectly; a category does not.
    """
    varying = varying_factors(train)
    if not varying.size:
        return {"sap": 0.0}
    x, x_test = standardise_columns(train, test)
    accuracy = np.zeros((len(train.kinds), len(varying)))
    majority = np.zeros(len(varying))
    for j, factor in enumerate(varying):
        y, y_test = train.factors[:, factor], test.factors[:, factor]
        majority[j] = (y_test == np.bincount(y).argmax()).mean()
        for i in range(len(train.kinds)):
            columns = train.code_of_column == i
            # The primal problem has k + 1 unknowns per value and takes a few Newton steps; the dual has n.
            svm = LinearSVC(C=0.01, class_weight="balanced", dual=False).fit(x[:, columns], y)
            accuracy[i, j] = svm.score(x_test[:, columns], y_test)
    return {"sap": mean_gap(accuracy, majority)}


def mean_gap(accuracy: Float[np.ndarray, "d f"], majority: Float[np.ndarray, "f"]) -> float:
    """The best minus the second best accuracy, mean over the factors.

    Args:
        majority: takes the place of the second best if there is one code only; the gap is then at least 0.
    """
    if len(accuracy) == 1:
        return float(np.maximum(accuracy[0] - majority, 0).mean())
    second, first = np.sort(accuracy, axis=0)[-2:]
    return float((first - second).mean())
