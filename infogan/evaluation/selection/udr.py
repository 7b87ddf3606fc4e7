"""Unsupervised disentanglement ranking: a good model's codes are found again by models of other seeds.

R(a, b) = strength of the association between code a of one model and code b of another, on the same images.
"""

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float

from infogan.data import Images
from infogan.evaluation.consistency import ReadBack
from infogan.evaluation.disentanglement.association import strengths
from infogan.method.model import Model

INFORMS = 0.1  # a code that comes back from its own images less than this says nothing


def udr(
    models: Sequence[Model],
    backs: Sequence[ReadBack],
    images: Images,
    say: Callable[[str], None] = lambda _: None,
) -> list[float]:
    """Unsupervised disentanglement ranking of each model, in [0, 1] (Duan et al. 2020, Sec. 4).

    The median over the other models of `pair_udr`, where R is our measure of association in place of
    Spearman's or lasso's, since a code may be a category or an angle.

    Args:
        backs: what each model reads off its own images, which says which of its codes inform.
        images: real ones, which all models read.
    """
    say("real images, read by all runs")
    readings = [model.encode(images.pixels).values.numpy() for model in models]
    informative = [_informative(model, back) for model, back in zip(models, backs, strict=True)]
    pairwise = np.full((len(models), len(models)), np.nan)
    for i, j in combinations(range(len(models)), 2):
        kinds = [[code.kind for code in models[m].latent.codes] for m in (i, j)]
        R = strengths(readings[i], kinds[0], readings[j], kinds[1])
        pairwise[i, j] = pairwise[j, i] = pair_udr(R[np.ix_(informative[i], informative[j])])
    return [float(np.nanmedian(row)) for row in pairwise]


def pair_udr(R: Float[np.ndarray, "a b"]) -> float:
    """How nearly one code of a model goes along with one of the other (Duan et al. 2020, Eq. 3).

        1 / (d_a + d_b) (sum_b r_b^2 / sum_a R(a, b) + sum_a r_a^2 / sum_b R(a, b)),   r_b = max_a R(a, b)

    over codes that inform; 0 where one of the models has none.
    """
    if not R.size:
        return 0.0
    best = [(R.max(axis=axis) ** 2, R.sum(axis=axis)) for axis in (0, 1)]
    parts = [np.divide(r, total, out=np.zeros_like(r), where=total > 0).sum() for r, total in best]
    return float(sum(parts) / sum(R.shape))


def _informative(model: Model, back: ReadBack) -> Bool[np.ndarray, "d"]:
    """Which codes come back from the images that they made."""
    kinds = [code.kind for code in model.latent.codes]
    return np.diag(strengths(back.drawn, kinds, back.read, kinds)) >= INFORMS
