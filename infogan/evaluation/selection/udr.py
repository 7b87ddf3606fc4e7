"""Unsupervised disentanglement ranking (Duan et al., ICLR 2020): other seeds find a good model's codes.

R(a, b) = the association of code a of one model with code b of another, on the same images.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float

from infogan.data import Images
from infogan.evaluation.consistency import RecoveredCodes
from infogan.evaluation.disentanglement.association import pairwise_association
from infogan.method.codes import Kind
from infogan.method.model import Model
from infogan.utils.progress import ProgressCallback, no_progress

MIN_RECOVERY = 0.1  # a code with a lower recovery is uninformative


def udr(
    models: Sequence[Model],
    recovered: Sequence[RecoveredCodes],
    images: Images,
    on_progress: ProgressCallback = no_progress,
) -> list[float]:
    """The UDR of each model, in [0, 1] (Sec. 4): the median of `pairwise_udr` over the other models.

    R is our measure of association instead of Spearman's or lasso's: a code may be a category or an angle.

    Args:
        recovered: of each model, to tell which codes are informative.
        images: real ones, which all models encode.
    """
    on_progress("real images, encoded by all runs")
    values = [model.encode(images.pixels).values.numpy() for model in models]
    kinds = [[code.kind for code in model.latent.codes] for model in models]
    informative = [_is_informative(codes, k) for codes, k in zip(recovered, kinds, strict=True)]
    pairwise = np.full((len(models), len(models)), np.nan)
    for i, j in combinations(range(len(models)), 2):
        R = pairwise_association(values[i], kinds[i], values[j], kinds[j])
        pairwise[i, j] = pairwise[j, i] = pairwise_udr(R[np.ix_(informative[i], informative[j])])
    return [float(np.nanmedian(row)) for row in pairwise]


def pairwise_udr(R: Float[np.ndarray, "a b"]) -> float:
    """How nearly each code of one model is associated with one code of the other (Eq. 3).

        1 / (d_a + d_b) (sum_b r_b^2 / sum_a R(a, b) + sum_a r_a^2 / sum_b R(a, b)),   r_b = max_a R(a, b)

    over informative codes; 0 if one of the models has none.
    """
    if not R.size:
        return 0.0
    maxima = [(R.max(axis=axis) ** 2, R.sum(axis=axis)) for axis in (0, 1)]
    parts = [np.divide(r, total, out=np.zeros_like(r), where=total > 0).sum() for r, total in maxima]
    return float(sum(parts) / sum(R.shape))


def _is_informative(codes: RecoveredCodes, kinds: Sequence[Kind]) -> Bool[np.ndarray, "d"]:
    recovery = pairwise_association(codes.sampled, kinds, codes.recovered, kinds).diagonal()
    informative: Bool[np.ndarray, d] = recovery >= MIN_RECOVERY
    return informative
