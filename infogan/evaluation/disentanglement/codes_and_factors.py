"""The codes of images beside their known factors: the input of every score of disentanglement.

n = images, d = codes, f = factors, m = columns: the codes as numbers for a regressor.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
from jaxtyping import Float, Int
from sklearn.preprocessing import StandardScaler

from infogan.data import Factor, Factors, Images
from infogan.data.images import PixelArray
from infogan.evaluation.disentanglement.user_columns import (
    check_sizes,
    code_as_numbers,
    known_rows,
    to_columns_by_name,
    to_kinds,
)
from infogan.method.codes import Kind
from infogan.method.model import Model
from infogan.utils.errors import InfoganError

MAX_IMAGES = 15_000  # 10,000 to train and 5,000 to test (Locatello et al. 2019)
MIN_IMAGES = 20
MIN_IMAGES_PER_VALUE = 6  # on average: a third of them tests, and a resample is half of each part
N_BINS = 20  # of a number or an angle (Locatello et al. 2019)
MAX_FACTOR_VALUES = 50  # a factor with more values is cut into
N_FACTOR_GROUPS = 10


@final
@dataclass(frozen=True)
class CodesAndFactors:
    """One row per image, in random order. Made by `from_arrays`, `from_images` or `from_model`."""

    codes: Float[np.ndarray, "n d"]
    kinds: tuple[Kind, ...]  # of the codes
    factors: Int[np.ndarray, "n f"]  # 0, 1, ...
    columns: Float[np.ndarray, "n m"]  # a number as it is, a category one-hot, an angle's cosine and sine
    code_of_column: Int[np.ndarray, "m"]

    @classmethod
    def from_arrays(
        cls,
        codes: Any,
        factors: Any,
        kinds: Sequence[str] | None = None,
        factor_names: Sequence[str] | None = None,
    ) -> "CodesAndFactors":
        """Checks codes and factors and shuffles them; the order depends on the number of images alone.

        Images with an unknown factor are left out, with a warning: NaN, None, an empty text, or -1 in a
        column of whole numbers whose least is -1. `discretise_factors` groups the values of numbers.

        Args:
            codes: (n, d) or, for a single one, (n,): an array, a list or a data frame. A category may be any
                number or text, -1 included; an angle is in radians.
            factors: (n, f) or (n,), numbers or text.
            kinds: of the codes: category, number, angle, or the words of a spec, cat, unif, gauss, bern and
                circ. By default text is a category, and all else a number.

        Raises:
            InfoganError: if codes and factors do not fit, fewer than 20 images are known, a code is NaN or
                infinite, or a factor has one value or, as text, fewer than six images per value.
        """
        of_codes, of_factors = to_columns_by_name(codes, "code"), to_columns_by_name(factors, "factor")
        names = list(factor_names or of_factors)
        kinds = to_kinds(kinds, list(of_codes.values()))
        check_sizes(of_codes, of_factors, kinds)
        if len(names) != len(of_factors):
            raise InfoganError(
                f"scores: there are {len(of_factors)} factors, but {len(names)} names of them."
            )
        values = [code_as_numbers(*code, kind) for code, kind in zip(of_codes.items(), kinds, strict=True)]
        found = known_rows(list(of_factors.values()))
        if n_unknown := int((~found).sum()):
            warnings.warn(
                f"scores: {n_unknown:,} of {len(found):,} images have an unknown factor (NaN, None or -1) "
                "and are left out.",
                stacklevel=2,
            )
        discrete = discretise_columns([v[found] for v in of_factors.values()])
        return cls._make(np.stack(values, axis=1)[found], discrete, kinds, names)

    @classmethod
    def _make(
        cls,
        codes: Float[np.ndarray, "n d"],
        factors: Int[np.ndarray, "n f"],
        kinds: Sequence[Kind],
        factor_names: Sequence[str],
    ) -> "CodesAndFactors":
        """Of factors that are discrete."""
        n = len(codes)
        if n < MIN_IMAGES:
            raise InfoganError(f"scores: at least {MIN_IMAGES} images are needed; there are codes of {n}.")
        for name, v in zip(factor_names, factors.T, strict=True):
            n_values = len(np.unique(v))
            if n_values == 1:
                raise InfoganError(f"scores: {name} has one value in all images; leave it out.")
            if n_values > n // MIN_IMAGES_PER_VALUE:
                raise InfoganError(
                    f"scores: {name} has {n_values:,} values in {n:,} images, fewer than "
                    f"{MIN_IMAGES_PER_VALUE} images per value; group its values first."
                )
        parts = [to_columns(v, kind) for v, kind in zip(codes.T, kinds, strict=True)]
        code_of_column = np.repeat(np.arange(len(parts)), [part.shape[1] for part in parts])
        ranks = np.stack([np.unique(v, return_inverse=True)[1] for v in factors.T], axis=1)
        columns = np.concatenate(parts, axis=1)
        ordered = cls(codes, tuple(kinds), ranks.astype(np.int64), columns, code_of_column)
        return ordered.take(np.random.default_rng(0).permutation(n))

    @classmethod
    def from_images(
        cls, encode: Callable[[PixelArray], Float[np.ndarray, "n d"]], kinds: Sequence[Kind], images: Images
    ) -> "CodesAndFactors":
        """Encodes a random choice of at most 15,000 images, without the factors that are constant among them.

        Raises:
            InfoganError: if the images have no factors, and as `from_arrays` does.
        """
        if images.factors is None:
            raise InfoganError("scores: these images have no known factors; choose a data set that has them.")
        some = images.subsample(MAX_IMAGES)
        assert some.factors is not None
        factors = discretise_factors(some.factors)
        varying = [i for i, v in enumerate(factors.T) if len(np.unique(v)) > 1]
        names = [some.factors.columns[i].name for i in varying]
        codes = encode(some.pixels).astype(float)
        of_codes = {f"code {j}": v for j, v in enumerate(codes.T, 1)}
        check_sizes(of_codes, dict(zip(names, factors.T[varying], strict=True)), kinds)
        values = [code_as_numbers(*code, kind) for code, kind in zip(of_codes.items(), kinds, strict=True)]
        return cls._make(np.stack(values, axis=1), factors[:, varying], kinds, names)

    @classmethod
    def from_model(cls, model: Model, images: Images) -> "CodesAndFactors":
        """`from_images` with the codes of a model's Q, with running statistics of batch norm."""
        kinds = [code.kind for code in model.latent.codes]
        return cls.from_images(lambda pixels: model.encode(pixels).values.numpy(), kinds, images)

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: Int[np.ndarray, "k"]) -> "CodesAndFactors":
        """These rows."""
        parts = {name: getattr(self, name)[rows] for name in ("codes", "factors", "columns")}
        return replace(self, **parts)

    def train_test_split(self) -> tuple["CodesAndFactors", "CodesAndFactors"]:
        """Two thirds to train, a third to test."""
        train, test = np.split(np.arange(len(self)), [2 * len(self) // 3])
        return self.take(train), self.take(test)

    def discretise_codes(self) -> Int[np.ndarray, "n d"]:
        """The codes as whole numbers: a category as it is, others in 20 bins of equal width.

        The bins divide the range of a number, and the shortest arc that holds all values of an angle.
        """
        bins = np.empty(self.codes.shape, np.int64)
        for j, (v, kind) in enumerate(zip(self.codes.T, self.kinds, strict=True)):
            if kind == "category":
                bins[:, j] = v
                continue
            if kind == "angle":
                v = (v % (2 * math.pi) - shortest_arc(v)[0]) % (2 * math.pi)
            bins[:, j] = np.minimum((v - v.min()) / (np.ptp(v) or 1) * N_BINS, N_BINS - 1)
        return bins


def shortest_arc(angles: Float[np.ndarray, "n"]) -> tuple[float, float]:
    """Where the shortest arc that holds all angles begins, and its length, both in [0, 2π]."""
    distinct = np.unique(angles % (2 * math.pi))
    gaps = np.diff(distinct, append=distinct[0] + 2 * math.pi)
    start = float(distinct[(gaps.argmax() + 1) % len(distinct)])
    return start, 2 * math.pi - float(gaps.max()) if len(distinct) > 1 else 0.0


def discretise_factors(factors: Factors) -> Int[np.ndarray, "n f"]:
    """Factors as whole numbers.

    A number or an angle with more than 50 values, or fewer than six images per value, becomes ten groups.
    """
    max_values = min(MAX_FACTOR_VALUES, len(factors.values) // MIN_IMAGES_PER_VALUE)
    discrete: list[np.ndarray] = []
    for v, factor in zip(factors.values.T, factors.columns, strict=True):
        v = np.round(v % (2 * math.pi), 9) % round(2 * math.pi, 9) if factor.kind == "angle" else v
        found, rank = np.unique(v, return_inverse=True)
        if len(found) > max_values and factor.kind != "category":
            quantiles = np.quantile(v, np.arange(1, N_FACTOR_GROUPS) / N_FACTOR_GROUPS)
            rank = np.searchsorted(quantiles, v, side="right")
        discrete.append(rank)
    return np.stack(discrete, axis=1).astype(np.int64)


def discretise_columns(columns: Sequence[np.ndarray]) -> Int[np.ndarray, "n f"]:
    """The same of numbers, or of text, whose values are categories."""
    ranks = [np.unique(v, return_inverse=True)[1] if v.dtype == object else v for v in columns]
    known = tuple(
        Factor(str(i), "category" if v.dtype == object else "number") for i, v in enumerate(columns)
    )
    return discretise_factors(Factors(known, np.stack(ranks, axis=1).astype(float)))


def standardise_columns(
    train: CodesAndFactors, test: CodesAndFactors
) -> tuple[Float[np.ndarray, "n m"], Float[np.ndarray, "k m"]]:
    """The columns of both, with the mean and the standard deviation of `train`; constant ones become 0."""
    scaler = StandardScaler().fit(train.columns)
    return scaler.transform(train.columns), scaler.transform(test.columns)


def varying_factors(*parts: CodesAndFactors) -> Int[np.ndarray, "g"]:
    """The indices of the factors that take more than one value in each part."""
    return np.flatnonzero(np.all([np.ptp(part.factors, axis=0) > 0 for part in parts], axis=0))


def to_columns(v: Float[np.ndarray, "n"], kind: Kind) -> Float[np.ndarray, "n k"]:
    """A number as it is, the indicators of a category, the cosine and the sine of an angle."""
    if kind == "angle":
        return np.stack([np.cos(v), np.sin(v)], axis=1)
    columns = v[:, None] == np.unique(v) if kind == "category" else v[:, None]
    return columns.astype(float)
