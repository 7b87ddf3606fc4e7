"""The separated attribute predictability score (Kumar et al., ICLR 2018, Sec. 3)."""

import numpy as np
from jaxtyping import Float, Int
from sklearn.svm import LinearSVC

from infogan.evaluation.disentanglement.pairs import Pairs, standardised


def sap(fit: Pairs, test: Pairs, rng: np.random.Generator) -> dict[str, float]:
    """How much better the best code predicts a factor than the second best, mean over the factors, in [0, 1].

    The predictor is a linear support vector machine on the columns of this code alone, with the settings of
    disentanglement_lib: squared hinge, each value against the rest, C = 0.01, balanced weights. It is scored
    by the share of the test's images whose value is predicted, so that even at best SAP is 1 less the chance
    level. Columns are standardised first, which disentanglement_lib does not do: the unit of a code is to
    make no difference. Draws nothing from `rng`.

    A single code has no second: it is compared with saying the commonest value always.

    A line hardly cuts out a middle value, so that a number scores low for a factor of many values even where
    it follows it wholly; a category does not.
    """
    if not (varying := np.flatnonzero(np.ptp(fit.factors, axis=0))).size:
        return {"sap": 0.0}
    x, x_test = standardised(fit, test)
    accuracy = np.zeros((len(fit.kinds), len(varying)))
    floor = np.zeros(len(varying))
    for j, factor in enumerate(varying):
        y, y_test = fit.factors[:, factor], test.factors[:, factor]
        floor[j] = (y_test == np.bincount(y).argmax()).mean()
        for i in range(len(fit.kinds)):
            mine = fit.owners == i
            accuracy[i, j] = _accuracy(x[:, mine], y, x_test[:, mine], y_test)
    return {"sap": gap(accuracy, floor)}


def gap(accuracy: Float[np.ndarray, "d f"], floor: Float[np.ndarray, "f"]) -> float:
    """The largest accuracy less the second largest, mean over the factors.

    Args:
        floor: what stands for the second where there is one code only; the gap is 0 at least.
    """
    if len(accuracy) == 1:
        return float(np.maximum(accuracy[0] - floor, 0).mean())
    second, first = np.sort(accuracy, axis=0)[-2:]
    return float((first - second).mean())


def _accuracy(
    x: Float[np.ndarray, "n k"],
    y: Int[np.ndarray, "n"],
    x_test: Float[np.ndarray, "n_test k"],
    y_test: Int[np.ndarray, "n_test"],
) -> float:
    # The primal problem has k + 1 unknowns for each value and takes a few Newton steps; the dual has n.
    machine = LinearSVC(C=0.01, class_weight="balanced", dual=False).fit(x, y)
    return float(machine.score(x_test, y_test))
