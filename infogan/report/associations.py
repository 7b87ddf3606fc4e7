"""How strongly each code is associated with what is known about the images: labels, factors, metadata.

Principal components and k-means clusters stand beside the codes.
"""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from infogan.data.labels import named_classes
from infogan.evaluation.baselines import Representation
from infogan.evaluation.disentanglement.association import n_dimensions, noise_level, pairwise_association
from infogan.method.codes import Kind
from infogan.method.latent import Latent
from infogan.report.sample import Sample


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


class Baseline(NamedTuple):
    """What a simpler method has in common with a column."""

    method: str
    name: str  # of its strongest component, or of its clusters
    association: Association


class Row(NamedTuple):
    """The associations of a column with every code, and with what simpler methods find."""

    column: Column
    n: int  # images whose value is known
    associations: list[Association]
    baselines: list["Baseline"]

    @property
    def strongest(self) -> int | None:
        """The code with the strongest significant association."""
        significant = [i for i, a in enumerate(self.associations) if a.is_significant]
        return max(significant, key=lambda i: self.associations[i].value, default=None)

    def is_ahead(self, baseline: Baseline) -> bool:
        """Whether a baseline is associated more strongly than every code, and not by chance."""
        found = baseline.association
        return found.is_significant and all(found.value > a.value for a in self.associations)


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
    values: Float[np.ndarray, "n L"],
    latent: Latent,
    columns: Sequence[Column],
    baselines: Mapping[str, Representation] = MappingProxyType({}),
) -> list[Row]:
    """A row per column, over the images whose value is known.

    A code under a category is compared within each of its categories, as it means something else in each.
    """
    n_cells = (len(latent.codes) + sum(len(read.names) for read in baselines.values())) * len(columns)
    rows = []
    for column in columns:
        is_known = np.isfinite(column.values)
        v, known = values[is_known], column.values[is_known]
        one_group = np.zeros(len(v))
        associations = []
        for i, code in enumerate(latent.codes):
            groups = v[:, latent.parents[i]] if i in latent.parents else one_group
            associations.append(association_within(groups, v[:, i], code.kind, known, column.kind, n_cells))
        found = []
        for method, read in baselines.items():
            each = [
                association_within(one_group, b, kind, known, column.kind, n_cells)
                for b, kind in zip(read.values[is_known].T, read.kinds, strict=True)
            ]
            best = max(range(len(each)), key=lambda i: each[i].value)
            found.append(Baseline(method, read.names[best], each[best]))
        rows.append(Row(column, len(v), associations, found))
    return rows


def association_within(
    groups: Float[np.ndarray, "n"],
    a: Float[np.ndarray, "n"],
    kind_a: Kind,
    b: Float[np.ndarray, "n"],
    kind_b: Kind,
    n_cells: int,
) -> Association:
    """The association of two variables within groups of rows, as a root mean square, and its noise level.

    p and q are the dimensions of the variables: the number of categories less one, 1 for a number, 2 for an
    angle.
    """
    squares = weights = 0.0
    degrees = 0
    for group in np.unique(groups):
        rows = groups == group
        p, q, n = n_dimensions(a[rows], kind_a), n_dimensions(b[rows], kind_b), int(rows.sum())
        if min(p, q) < 1 or n < 2:
            continue
        value = float(pairwise_association(a[rows, None], [kind_a], b[rows, None], [kind_b])[0, 0])
        weight = (n - 1) * min(p, q)
        squares, weights, degrees = squares + weight * value**2, weights + weight, degrees + p * q
    value = math.sqrt(squares / weights) if degrees else 0.0
    return Association(value, noise_level(weights, degrees, n_cells))
