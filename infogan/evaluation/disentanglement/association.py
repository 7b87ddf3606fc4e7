"""The association of each code with each known factor, in [0, 1]: one formula for every pair of kinds.

Each variable becomes columns: a category its indicators, a number its rank, an angle its cosine and sine. The
association of two variables is the root mean square of the canonical correlations between their columns. For
most pairs of kinds this is a known measure, whose name ASSOCIATION_NAMES gives; Jupp and Mardia's correlation
(Biometrika 67, 1980) is divided by its maximum, so that it is at most 1.

The association does not change if a number changes its sign or if categories are renumbered, and no numbers
have to be put into bins.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypedDict

import numpy as np
from jaxtyping import Float
from scipy.stats import chi2, rankdata

from infogan.data import Factors
from infogan.evaluation.disentanglement.codes_and_factors import to_columns
from infogan.evaluation.score import Score, make_score, sample_halves
from infogan.method.codes import Code, Kind

ASSOCIATION_NAMES: dict[frozenset[Kind], str] = {
    frozenset({"number"}): "|Spearman|",
    frozenset({"number", "category"}): "correlation ratio of ranks",
    frozenset({"category"}): "Cramér's V",
    frozenset({"number", "angle"}): "Mardia's circular-linear correlation of ranks",
    frozenset({"angle"}): "Jupp and Mardia's circular correlation",
    frozenset({"category", "angle"}): "canonical correlation with cosine and sine",
}
N_RESAMPLES = 50
ALPHA = 0.05  # family-wise error rate of a table


def pairwise_association(
    a: Float[np.ndarray, "n d"], kinds_a: Sequence[Kind], b: Float[np.ndarray, "n e"], kinds_b: Sequence[Kind]
) -> Float[np.ndarray, "d e"]:
    """The association of every variable of a with every variable of b, in [0, 1]; 0 if either is constant.

    Args:
        a, b: one variable per column.
        kinds_a, kinds_b: the kind of each variable.
    """
    bases_a, bases_b = (
        [_orthonormal_basis(v, kind) for v, kind in zip(values.T, kinds, strict=True)]
        for values, kinds in ((a, kinds_a), (b, kinds_b))
    )
    return np.array([[_rms_canonical_correlation(x, y) for y in bases_b] for x in bases_a])


def code_factor_association(
    values: Float[np.ndarray, "n L"], codes: Sequence[Code], factors: Factors
) -> Float[np.ndarray, "L f"]:
    """The association of every code, a column of `values`, with every factor."""
    kinds = [factor.kind for factor in factors.columns]
    return pairwise_association(values, [code.kind for code in codes], factors.values, kinds)


def association_scores(
    values: Float[np.ndarray, "n L"], names: Sequence[str], codes: Sequence[Code], factors: Factors
) -> dict[str, Score]:
    """`association_CODE_FACTOR` of every code and factor, with its noise level and an interval."""
    n, kinds_and_names = len(values), [(code.kind, name) for code, name in zip(codes, names, strict=True)]
    p = [n_dimensions(v, code.kind) for v, code in zip(values.T, codes, strict=True)]
    q = [n_dimensions(v, f.kind) for v, f in zip(factors.values.T, factors.columns, strict=True)]
    halves = sample_halves(n, N_RESAMPLES, np.random.default_rng(0))
    value, *resamples = [
        code_factor_association(values[rows], codes, replace(factors, values=factors.values[rows]))
        for rows in (np.arange(n), *halves)
    ]
    return {
        f"association_{name}_{factor.name}": make_score(
            value[i, j],
            [resample[i, j] for resample in resamples],
            f"{ASSOCIATION_NAMES[frozenset({kind, factor.kind})]}; "
            f"codes by Q with running statistics of batch norm; {n:,} images",
            noise_level=noise_level(float((n - 1) * min(p[i], q[j])), p[i] * q[j], len(p) * len(q)),
        )
        for i, (kind, name) in enumerate(kinds_and_names)
        for j, factor in enumerate(factors.columns)
    }


def noise_level(weight: float, degrees: int, n_cells: int) -> float:
    """The association that two independent variables rarely exceed, at most 1.

    For independent variables of dimensions p and q, n times the sum of their squared canonical correlations
    is chi-squared with p q degrees of freedom (Bartlett, Pillai), and the sum over groups has the sum of
    these. ALPHA is divided among all cells (Bonferroni).

    Args:
        weight: the sum of (n - 1) min(p, q) over groups.
        degrees: the sum of p q.
    """
    if not degrees:
        return 1.0
    return min(1.0, math.sqrt(float(chi2.ppf(1 - ALPHA / n_cells, degrees)) / weight))


def n_dimensions(values: Float[np.ndarray, "n"], kind: Kind) -> int:
    """The number of categories less one, 1 for a number, 2 for an angle; 0 of a constant."""
    largest = len(np.unique(values)) - 1
    return {"category": largest, "number": min(1, largest), "angle": min(2, largest)}[kind]


class StrongestCode(TypedDict):
    """The code with the strongest association with a factor."""

    code: str
    score: Score


def strongest_codes(scores: Mapping[str, Score]) -> dict[str, StrongestCode]:
    """For each factor among these scores, the code with the strongest association; the strongest first."""
    strongest: dict[str, StrongestCode] = {}
    for name, score in scores.items():
        prefix, _, rest = name.partition("_")
        code, _, factor = rest.partition("_")
        if prefix == "association" and (
            factor not in strongest or score["value"] > strongest[factor]["score"]["value"]
        ):
            strongest[factor] = StrongestCode(code=code, score=score)
    return dict(sorted(strongest.items(), key=lambda item: -item[1]["score"]["value"]))


def _orthonormal_basis(values: Float[np.ndarray, "n"], kind: Kind) -> Float[np.ndarray, "n d"]:
    """Orthonormal columns that span the same space as the centred columns of the variable."""
    columns = to_columns(rankdata(values) if kind == "number" else values, kind)
    centred = columns - columns.mean(axis=0)
    # From the d x d matrix, which is small: d is a few dozen at most, and n tens of thousands.
    variance, axes = np.linalg.eigh(centred.T @ centred)
    nonzero = variance > 1e-9 * len(values)
    basis: Float[np.ndarray, "n d"] = centred @ (axes[:, nonzero] / np.sqrt(variance[nonzero]))
    return basis


def _rms_canonical_correlation(a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "n e"]) -> float:
    d = min(a.shape[1], b.shape[1])
    return float(np.linalg.norm(a.T @ b) / np.sqrt(d)) if d else 0.0
