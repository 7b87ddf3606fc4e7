"""ModelCentrality: a good model is near to the other models of a sweep, as good ones are alike."""

from collections.abc import Callable, Sequence

import numpy as np

from infogan.evaluation.consistency import ReadBack
from infogan.evaluation.disentanglement.factorvae import factorvae
from infogan.evaluation.disentanglement.pairs import pairs_of
from infogan.method.model import Model


def model_centrality(
    models: Sequence[Model], backs: Sequence[ReadBack], say: Callable[[str], None] = lambda _: None
) -> list[float]:
    """Mean FactorVAE score of each model with every other, either way round (Lin et al. 2020, Sec. 4).

    One model's codes, with a continuous one in ten groups, are the factors of the images that its G
    makes; the other's Q reads those.

    Args:
        backs: the images that each model made.
    """
    B = np.zeros((len(models), len(models)))
    for i, back in enumerate(backs):
        say(f"images of run {i + 1} of {len(models)}, read by the others")
        for j, reader in enumerate(models):
            if i != j:
                pairs = pairs_of(reader, back.made)
                B[i, j] = factorvae(*pairs.split(), np.random.default_rng(0))["factorvae"]
    return [float(value) for value in (B + B.T).sum(axis=0) / (2 * (len(models) - 1))]
