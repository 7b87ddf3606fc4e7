"""Every score of disentanglement, with the settings of the usual protocol."""

from collections.abc import Callable

import numpy as np

from infogan.evaluation.disentanglement.betavae_factorvae import betavae, factorvae
from infogan.evaluation.disentanglement.codes_and_factors import CodesAndFactors
from infogan.evaluation.disentanglement.information import infomec, mig, modularity
from infogan.evaluation.disentanglement.predictors import dci_forest, dci_lasso, explicitness, sap
from infogan.evaluation.score import Score, make_scores, sample_halves
from infogan.utils.progress import ProgressCallback, no_progress

N_RESAMPLES = 10


# Functions of (train, test, rng) that return one score or more by name, and their protocols.
METRICS: dict[Callable[[CodesAndFactors, CodesAndFactors, np.random.Generator], dict[str, float]], str] = {
    mig: "MIG: plug-in information, 20 bins",
    modularity: "modularity: plug-in information, 20 bins",
    explicitness: "explicitness: area under ROC, multinomial logistic regression",
    dci_forest: "DCI: random forest",
    dci_lasso: "DCI: lasso",
    sap: "SAP: linear SVM of one code",
    factorvae: "FactorVAE: 10,000 votes to fit, 5,000 to test, of 64 images, codes below 0.05 pruned",
    betavae: "BetaVAE: 10,000 points to fit, 5,000 to test, 64 pairs each",
    infomec: "InfoMEC: information by 10 nearest neighbours, logistic regression",
}


def disentanglement_scores(
    data: CodesAndFactors, conditions: str, on_progress: ProgressCallback = no_progress
) -> dict[str, Score]:
    """Every score by its name, in [0, 1] and best at 1, with an interval from ten halves of the images."""
    train, test = data.train_test_split()
    sizes = f"{len(train):,} images to fit, {len(test):,} to test"
    scores: dict[str, Score] = {}
    for function, protocol in METRICS.items():
        on_progress(protocol)
        values = function(train, test, np.random.default_rng(0))
        rng = np.random.default_rng(1)
        halves = (sample_halves(len(part), N_RESAMPLES, rng) for part in (train, test))
        resamples = [function(train.take(a), test.take(b), rng) for a, b in zip(*halves, strict=True)]
        scores |= make_scores(values, resamples, f"{protocol}; {conditions}; {sizes}")
    return scores
