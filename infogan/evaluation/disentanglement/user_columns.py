"""Columns of codes or factors as callers have them: arrays, lists, data frames."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float

from infogan.data.labels import NO_CLASS, UNKNOWN
from infogan.method.codes import Kind
from infogan.utils.errors import InfoganError, did_you_mean, one_line

KINDS: dict[str, Kind] = {
    **{kind: kind for kind in get_args(Kind)},
    **{"cat": "category", "bern": "category", "unif": "number", "gauss": "number", "circ": "angle"},
}


def to_columns_by_name(table: Any, what: str) -> dict[str, np.ndarray]:
    """The columns of a matrix, a single column, or a data frame: floats, or objects if they hold text.

    Raises:
        InfoganError: if there are more than two dimensions, or rows of different lengths.
    """
    if hasattr(table, "columns") and not isinstance(table, np.ndarray):
        return {str(name): _to_column(table[name], str(name)) for name in table.columns}
    try:
        array = np.asarray(table)
    except (ValueError, TypeError) as error:
        raise InfoganError(f"scores: {what}s are no matrix ({one_line(error).rstrip('.')}).") from error
    if array.ndim not in (1, 2):
        raise InfoganError(f"scores: {what}s have shape {array.shape}, but must be (images, {what}s).")
    columns = array.T if array.ndim == 2 else [array]
    return {f"{what} {i}": _to_column(v, f"{what} {i}") for i, v in enumerate(columns, 1)}


def is_missing(v: np.ndarray) -> Bool[np.ndarray, "n"]:
    """Which values are None, NaN or an empty text; of numbers, which are NaN."""
    if v.dtype != object:
        missing: np.ndarray = np.isnan(v)
        return missing
    return np.array([value in NO_CLASS for value in v.tolist()])


def known_rows(factors: Sequence[np.ndarray]) -> Bool[np.ndarray, "n"]:
    """Which rows have all factors: -1 stands for an unknown one if all others are 0, 1, ..."""
    known = np.ones(len(factors[0]), bool) if factors else np.ones(0, bool)
    for v in factors:
        missing = is_missing(v)
        if v.dtype != object:
            whole = v[~missing]
            if whole.size and whole.min() == UNKNOWN and (whole == np.rint(whole)).all():
                missing |= v == UNKNOWN
        known &= ~missing
    return known


def to_kinds(kinds: Sequence[str] | None, codes: Sequence[np.ndarray]) -> tuple[Kind, ...]:
    """The kinds of codes, from their names or the words of a spec; by default text is a category."""
    if kinds is None:
        return tuple("category" if v.dtype == object else "number" for v in codes)
    for kind in kinds:
        if kind not in KINDS:
            raise InfoganError(f"scores: there is no kind {kind!r}; {did_you_mean(kind, KINDS)}")
    return tuple(KINDS[kind] for kind in kinds)


def check_sizes(
    codes: Mapping[str, np.ndarray],
    factors: Mapping[str, np.ndarray],
    kinds: Sequence[Kind],
) -> None:
    """Raises InfoganError unless there is a kind per code, a factor, and equally many rows of both."""
    d, f = len(codes), len(factors)
    if not (len(kinds) == d > 0 and f > 0):
        raise InfoganError(
            f"scores: there are {d} codes, {len(kinds)} kinds and {f} factors; "
            "pass one kind per code, and at least one factor."
        )
    n, n_factors = (len(next(iter(columns.values()))) for columns in (codes, factors))
    if n_factors != n:
        raise InfoganError(f"scores: there are codes of {n:,} images, but factors of {n_factors:,}.")


def code_as_numbers(name: str, v: np.ndarray, kind: Kind) -> Float[np.ndarray, "n"]:
    """A code as numbers: a category as 0, 1, ..., whatever its values are called."""
    unknown = is_missing(v) if v.dtype == object else ~np.isfinite(v)
    if unknown.any():
        raise InfoganError(f"scores: {name} is NaN or infinite for {unknown.sum():,} images.")
    if v.dtype == object and kind != "category":
        raise InfoganError(f"scores: {name} holds text; its kind is category, not {kind}.")
    return np.unique(v, return_inverse=True)[1].astype(float) if kind == "category" else v


def _to_column(values: Any, name: str) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind in "biuf":
        return array.astype(float)
    try:
        column = pa.array(array.tolist() if array.dtype.kind in "SU" else values, from_pandas=True)
        column = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        kind = column.type
        if pa.types.is_null(kind):
            return np.full(len(column), np.nan)
        if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
            numbers: np.ndarray = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
            return numbers
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise InfoganError(f"scores: {name} cannot be read ({one_line(error).rstrip('.')}).") from error
    found = np.empty(len(column), object)
    found[:] = [_to_text(value) for value in column.to_pylist()]
    return found


def _to_text(value: Any) -> str:
    """Empty if it is missing, as texts are sorted."""
    if value is None:
        return ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
