"""How strongly each code is associated with what is known about the images: labels, factors, metadata."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.stats import chi2

from infogan.data.labels import named_classes
from infogan.evaluation.disentanglement.association import pairwise_association
from infogan.method.codes import Code, Kind
from infogan.report.sample import Sample

ALPHA = 0.05  # family-wise error rate of a table


class Column(NamedTuple):
    """One value per image, NaN if it is not known."""

    name: str
    kind: Kind
    values: Float[np.ndarray, "n"]
    categories: tuple[str, ...] = ()  # what the categories 0, 1, ... are called, if not by their numbers


class Association(NamedTuple):
    """Of a code and a column, in [0, 1]."""

    value: float
    noise_level: float  # rarely exceeded by chance

    @property
    def is_significant(self) -> bool:
        return self.value > self.noise_level


class Row(NamedTuple):
    """The associations of a column with every code."""

    column: Column
    n: int  # images whose value is known
    associations: list[Association]

    @property
    def strongest(self) -> int | None:
        """The code with the strongest significant association."""
        significant = [i for i, a in enumerate(self.associations) if a.is_significant]
        return max(significant, key=lambda i: self.associations[i].value, default=None)


def known_columns(sample: Sample) -> list[Column]:
    """The label and the factors of the images that vary."""
    columns = []
    if sample.labels is not None:
        labels = named_classes(sample.labels)
        ranks = np.where(labels.is_known, labels.numbers, math.nan)
        columns.append(Column("label", "category", ranks, labels.names or ()))
    if sample.factors is not None:
        known = zip(sample.factors.columns, sample.factors.values.T, strict=True)
        columns += [Column(factor.name, factor.kind, values.astype(float)) for factor, values in known]
    return [c for c in columns if len(np.unique(c.values[np.isfinite(c.values)])) > 1]


def association_table(
    values: Float[np.ndarray, "n L"], codes: Sequence[Code], columns: Sequence[Column]
) -> list[Row]:
    """A row per column, over the images whose value is known."""
    kinds = [code.kind for code in codes]
    n_cells = len(codes) * len(columns)
    rows = []
    for column in columns:
        is_known = np.isfinite(column.values)
        v, known = values[is_known], column.values[is_known]
        found = pairwise_association(v, kinds, known[:, None], [column.kind])[:, 0]
        q = _n_dimensions(known, column.kind)
        levels = [
            noise_level(len(v), _n_dimensions(v.T[i], kind), q, n_cells) for i, kind in enumerate(kinds)
        ]
        associations = [Association(float(a), level) for a, level in zip(found, levels, strict=True)]
        rows.append(Row(column, len(v), associations))
    return rows


def noise_level(n: int, p: int, q: int, n_cells: int) -> float:
    """The association that two independent variables rarely exceed, at most 1.

    For independent variables, n times the sum of their squared canonical correlations is chi-squared with
    p q degrees of freedom (Bartlett, Pillai). p and q are the dimensions of the variables: the number of
    categories less one, 1 for a number, 2 for an angle. ALPHA is divided among all cells (Bonferroni).
    """
    if min(p, q) < 1 or n < 2:
        return 1.0
    quantile = float(chi2.ppf(1 - ALPHA / n_cells, p * q))
    return min(1.0, math.sqrt(quantile / ((n - 1) * min(p, q))))


def _n_dimensions(values: Float[np.ndarray, "n"], kind: Kind) -> int:
    largest = len(np.unique(values)) - 1
    return {"category": largest, "number": min(1, largest), "angle": min(2, largest)}[kind]
