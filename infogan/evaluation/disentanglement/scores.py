"""Every score of how codes match known factors, with the settings of the usual protocol.

A score is a function of the pairs to fit on and the pairs to test on; to add one, add its file and its line.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from infogan.evaluation.disentanglement.dci import dci_forest, dci_lasso
from infogan.evaluation.disentanglement.explicitness import explicitness
from infogan.evaluation.disentanglement.factorvae import betavae, factorvae
from infogan.evaluation.disentanglement.infomec import infomec
from infogan.evaluation.disentanglement.mutual_information import mig, modularity
from infogan.evaluation.disentanglement.pairs import Pairs
from infogan.evaluation.disentanglement.sap import sap
from infogan.evaluation.score import Score, halves, score

RESAMPLES = 10

Function = Callable[[Pairs, Pairs, np.random.Generator], dict[str, float]]


class Metric(NamedTuple):
    """What computes one score or more, and how it is described."""

    function: Function
    protocol: str


METRICS = (
    Metric(mig, "MIG: plug-in information, 20 bins"),
    Metric(modularity, "modularity: plug-in information, 20 bins"),
    Metric(explicitness, "explicitness: area under ROC, multinomial logistic regression"),
    Metric(dci_forest, "DCI: random forest"),
    Metric(dci_lasso, "DCI: lasso"),
    Metric(sap, "SAP: linear SVM of one code"),
    Metric(factorvae, "FactorVAE: 10,000 votes to fit, 5,000 to test, of 64 images, codes below 0.05 pruned"),
    Metric(betavae, "BetaVAE: 10,000 points to fit, 5,000 to test, 64 pairs each"),
    Metric(infomec, "InfoMEC: information by 10 nearest neighbours, logistic regression"),
)


def disentanglement_scores(
    pairs: Pairs, how: str, say: Callable[[str], None] = lambda _: None
) -> dict[str, Score]:
    """Every score by its name, each in [0, 1] and best at 1, with the interval of ten halves of the images.

    Args:
        how: what the protocol is to say of how the codes came about.
        say: told what is being done.
    """
    fit, test = pairs.split()
    found: dict[str, Score] = {}
    for function, protocol in METRICS:
        say(protocol)
        values = function(fit, test, np.random.default_rng(0))
        rng = np.random.default_rng(1)
        resampled = [
            function(fit.take(a), test.take(b), rng)
            for a, b in zip(halves(len(fit), RESAMPLES, rng), halves(len(test), RESAMPLES, rng), strict=True)
        ]
        sizes = f"{len(fit):,} images to fit, {len(test):,} to test"
        for name, value in values.items():
            draws = [draw[name] for draw in resampled]
            found[name] = score(value, draws, f"{protocol}; {how}; {sizes}")
    return found
