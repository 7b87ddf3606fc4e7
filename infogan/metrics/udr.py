"""Unsupervised disentanglement ranking: a good model's codes are found again by models of other seeds.

R(a, b) = strength of the association between code a of one model and code b of another, on the same images.
"""

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float

from infogan.data import Images
from infogan.metrics.association import associations, strengths
from infogan.metrics.consistency import made_by
from infogan.model import Model
from infogan.rng import make_rng

INFORMS = 0.1  # a code that comes back from its own images less than this says nothing


def udr(models: Sequence[Model], images: Images, say: Callable[[str], None] = lambda _: None) -> list[float]:
    """Unsupervised disentanglement ranking of each model, in [0, 1] (Duan et al. 2020, Sec. 4).

    The median over the other models of `pair_udr`, where R is our measure of association in place of
    Spearman's or lasso's, since a code may be a category or an angle.
    """
    readings, informative = [], []
    for i, model in enumerate(models, 1):
        say(f"codes of run {i} of {len(models)}")
        readings.append(model.encode(images.pixels).values.numpy())
        informative.append(_informative(model))
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


def _informative(model: Model) -> Bool[np.ndarray, "d"]:
    """Which codes come back from the images that they made."""
    made = made_by(model, make_rng(0, "recovery"))
    assert made.factors is not None
    read = model.encode(made.pixels).values.numpy()
    return np.diag(associations(read, model.latent.codes, made.factors)) >= INFORMS
