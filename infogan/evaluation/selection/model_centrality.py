"""ModelCentrality (Lin et al., ICML 2020): good models resemble each other."""

from collections.abc import Sequence

import numpy as np

from infogan.evaluation.consistency import RecoveredCodes
from infogan.evaluation.disentanglement.betavae_factorvae import factorvae
from infogan.evaluation.disentanglement.codes_and_factors import CodesAndFactors
from infogan.method.model import Model
from infogan.utils.progress import ProgressCallback, no_progress


def model_centrality(
    models: Sequence[Model],
    recovered: Sequence[RecoveredCodes],
    on_progress: ProgressCallback = no_progress,
) -> list[float]:
    """The mean FactorVAE score of each model with every other, in both directions (Sec. 4).

    The codes of one model, continuous ones in ten groups, are the factors of the images of its G; the other
    model's Q reads its codes off those images.

    Args:
        recovered: of each model.
    """
    B = np.zeros((len(models), len(models)))
    for i, of_model in enumerate(recovered):
        on_progress(f"images of run {i + 1} of {len(models)}, encoded by the others")
        for j, encoder in enumerate(models):
            if i != j:
                data = CodesAndFactors.from_model(encoder, of_model.images)
                B[i, j] = factorvae(*data.train_test_split(), np.random.default_rng(0))["factorvae"]
    return [float(value) for value in (B + B.T).sum(axis=0) / (2 * (len(models) - 1))]
