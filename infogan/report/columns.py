"""What is known of the images beside their pixels, and how strongly each code goes along with it."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int
from scipy.stats import chi2

from infogan.evaluation.disentanglement.association import pairwise_association
from infogan.method.codes import Code, Kind
from infogan.report.sample import Sample

MOST_VALUES = 50  # of a text column that is taken for categories
ODDS = 0.05  # how often a table of codes that follow nothing would show a strength above its noise level


class Column(NamedTuple):
    """A value an image, NaN where it is not known."""

    name: str
    kind: Kind
    values: Float[np.ndarray, "n"]


class Strength(NamedTuple):
    """Of a code and a column, in [0, 1]; `noise` is what chance alone would hardly exceed."""

    value: float
    noise: float

    @property
    def real(self) -> bool:
        return self.value > self.noise


class Row(NamedTuple):
    """A column against every code."""

    column: Column
    n: int  # images whose value is known
    strengths: list[Strength]

    @property
    def strongest(self) -> int | None:
        """The code above its noise level with the greatest strength."""
        real = [i for i, s in enumerate(self.strengths) if s.real]
        return max(real, key=lambda i: self.strengths[i].value, default=None)


def known_columns(sample: Sample) -> list[Column]:
    """The label and the factors, where the images have any."""
    columns = []
    if sample.labels is not None:
        columns.append(Column("label", "category", sample.labels.astype(float)))
    if sample.factors is not None:
        known = zip(sample.factors.columns, sample.factors.values.T, strict=True)
        columns += [Column(f.name, f.kind, v.astype(float)) for f, v in known]
    return [column for column in columns if len(np.unique(column.values)) > 1]


def make_column(name: str, column: pa.ChunkedArray, rows: Int[np.ndarray, "n"]) -> Column | str:
    """The column's values at these rows, -1 being none; or why it is left out."""
    present = rows >= 0
    taken = column.take(pa.array(rows[present]))
    kind: Kind = "number"
    if pa.types.is_integer(taken.type) or pa.types.is_floating(taken.type) or pa.types.is_decimal(taken.type):
        found = taken.cast(pa.float64(), safe=False).to_numpy()
    elif pa.types.is_timestamp(taken.type) or pa.types.is_date(taken.type):
        found = taken.cast(pa.timestamp("s"), safe=False).cast(pa.int64()).cast(pa.float64()).to_numpy()
    elif pa.types.is_null(taken.type):
        return "empty"
    elif (
        pa.types.is_boolean(taken.type)
        or pa.types.is_string(taken.type)
        or pa.types.is_large_string(taken.type)
        or pa.types.is_dictionary(taken.type)
    ):
        kind = "category"
        texts = [None if value is None or value == "" else str(value) for value in taken.to_pylist()]
        different = sorted({text for text in texts if text is not None})
        if len(different) > min(MOST_VALUES, max(2, len(texts) // 2)):
            return f"text with {len(different):,} values"
        number = {text: float(i) for i, text in enumerate(different)}
        found = np.array([math.nan if text is None else number[text] for text in texts])
    else:
        return f"of type {taken.type}"
    values = np.full(len(rows), math.nan)
    values[present] = found
    values[~np.isfinite(values)] = math.nan
    known = values[np.isfinite(values)]
    if len(np.unique(known)) < 2:
        return "does not vary" if len(known) else "empty"
    return Column(name, kind, values)


def associate(
    values: Float[np.ndarray, "n L"], codes: Sequence[Code], columns: Sequence[Column]
) -> list[Row]:
    """Each column against every code, over the images whose value is known."""
    kinds = [code.kind for code in codes]
    rows = []
    for column in columns:
        present = np.isfinite(column.values)
        v, c = values[present], column.values[present]
        found = pairwise_association(v, kinds, c[:, None], [column.kind])[:, 0]
        q = _dimensions(c, column.kind)
        cells = len(codes) * len(columns)
        noise = [
            noise_level(len(c), _dimensions(v_i, kind), q, cells)
            for v_i, kind in zip(v.T, kinds, strict=True)
        ]
        rows.append(Row(column, len(c), [Strength(float(s), b) for s, b in zip(found, noise, strict=True)]))
    return rows


def noise_level(n: int, p: int, q: int, cells: int) -> float:
    """What the strength of two variables that have nothing to do with each other hardly exceeds, at most 1.

    n times the sum of their squared canonical correlations is then chi-squared with p q degrees of freedom
    (Bartlett, Pillai), p and q being the columns they span: categories less one, 1 for a number, 2 for an
    angle. The odds are shared among all cells of the table (Bonferroni).
    """
    if min(p, q) < 1 or n < 2:
        return 1.0
    quantile = float(chi2.ppf(1 - ODDS / cells, p * q))
    return min(1.0, math.sqrt(quantile / ((n - 1) * min(p, q))))


def _dimensions(values: Float[np.ndarray, "n"], kind: Kind) -> int:
    different = len(np.unique(values))
    return {"category": different - 1, "number": min(1, different - 1), "angle": min(2, different - 1)}[kind]
