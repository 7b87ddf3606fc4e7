"""How strongly each code goes along with each known factor: one measure for every pair of kinds.

A category stands as its indicators, a number as its rank, an angle as its cosine and sine. Of two such
sets of columns, the root mean square of the canonical correlations is

    number, number        |Spearman's rho|
    number, category      the correlation ratio eta of the ranks
    category, category    Cramer's V
    number, angle         Mardia's circular-linear correlation R, of the ranks
    angle, angle          Jupp and Mardia's circular correlation (Biometrika 67, 1980), over its most
    category, angle       the same, with the indicators

all in [0, 1], and none asks for a sign, a number of bins or an order of the categories.
"""

from collections.abc import Mapping, Sequence
from typing import TypedDict

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

from infogan.data import Factors
from infogan.evaluation.score import Score, halves, score
from infogan.method.codes import Code, Kind

MEASURES: dict[frozenset[Kind], str] = {
    frozenset({"number"}): "|Spearman|",
    frozenset({"number", "category"}): "correlation ratio of ranks",
    frozenset({"category"}): "Cramér's V",
    frozenset({"number", "angle"}): "Mardia's circular-linear correlation of ranks",
    frozenset({"angle"}): "Jupp and Mardia's circular correlation",
    frozenset({"category", "angle"}): "canonical correlation with cosine and sine",
}
RESAMPLES = 50


def associations(
    values: Float[np.ndarray, "n L"],
    codes: Sequence[Code],
    factors: Factors,
    index: np.ndarray | None = None,
) -> Float[np.ndarray, "L f"]:
    """The strength of every pair of a code and a factor, in [0, 1]; 0 where one of them does not vary.

    Args:
        values: of the codes, read off the images, a column a code.
        index: the images to take, if not all.
    """
    rows = np.arange(len(values)) if index is None else index
    kinds = [factor.kind for factor in factors.columns]
    return strengths(values[rows], [code.kind for code in codes], factors.values[rows], kinds)


def strengths(
    a: Float[np.ndarray, "n d"],
    of_a: Sequence[Kind],
    b: Float[np.ndarray, "n e"],
    of_b: Sequence[Kind],
) -> Float[np.ndarray, "d e"]:
    """The same for the columns of any two tables, each of its kind, such as the codes of two models."""
    left = [_basis(v, kind) for v, kind in zip(a.T, of_a, strict=True)]
    right = [_basis(v, kind) for v, kind in zip(b.T, of_b, strict=True)]
    return np.array([[_rms_canonical_correlation(x, y) for y in right] for x in left])


def association_scores(
    values: Float[np.ndarray, "n L"], names: Sequence[str], codes: Sequence[Code], factors: Factors
) -> dict[str, Score]:
    """`association_CODE_FACTOR` for every pair, with the interval of halves of the images."""
    n = len(values)
    strength = associations(values, codes, factors)
    chosen = halves(n, RESAMPLES, np.random.default_rng(0))
    draws = np.array([associations(values, codes, factors, half) for half in chosen])
    scores: dict[str, Score] = {}
    for (i, (name, code)), (j, factor) in (
        (a, b) for a in enumerate(zip(names, codes, strict=True)) for b in enumerate(factors.columns)
    ):
        measure = MEASURES[frozenset({code.kind, factor.kind})]
        scores[f"association_{name}_{factor.name}"] = score(
            strength[i, j],
            draws[:, i, j],
            f"{measure}; codes by Q with running statistics of batch norm; {n:,} images",
        )
    return scores


class Strongest(TypedDict):
    """The code that goes along with a factor most, and how strongly."""

    code: str
    score: Score


def strongest(scores: Mapping[str, Score]) -> dict[str, Strongest]:
    """For each factor among these scores the code with the strongest association, the highest first."""
    found: dict[str, Strongest] = {}
    for name, one in scores.items():
        kind, _, rest = name.partition("_")
        code, _, factor = rest.partition("_")
        if kind == "association" and (factor not in found or one["value"] > found[factor]["score"]["value"]):
            found[factor] = Strongest(code=code, score=one)
    return dict(sorted(found.items(), key=lambda item: -item[1]["score"]["value"]))


def _basis(values: Float[np.ndarray, "n"], kind: Kind) -> Float[np.ndarray, "n d"]:
    """Orthonormal columns that span what the variable can say beyond a constant."""
    match kind:
        case "category":
            columns = (values[:, None] == np.unique(values)).astype(float)
        case "number":
            columns = rankdata(values)[:, None]
        case "angle":
            columns = np.stack([np.cos(values), np.sin(values)], axis=1)
    centred = columns - columns.mean(axis=0)
    # Through the small d x d matrix: n is tens of thousands and d at most some dozens.
    variance, axes = np.linalg.eigh(centred.T @ centred)
    real = variance > 1e-9 * len(values)
    basis: Float[np.ndarray, "n d"] = centred @ (axes[:, real] / np.sqrt(variance[real]))
    return basis


def _rms_canonical_correlation(a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "n e"]) -> float:
    d = min(a.shape[1], b.shape[1])
    return float(np.linalg.norm(a.T @ b) / np.sqrt(d)) if d else 0.0
