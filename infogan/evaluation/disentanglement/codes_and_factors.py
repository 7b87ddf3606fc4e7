"""The codes of images beside their known factors: the input of every score of disentanglement.

n = images, d = codes, f = factors, m = columns: the codes as numbers for a regressor.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
from jaxtyping import Float, Int
from sklearn.preprocessing import StandardScaler

from infogan.data import Factors, Images
from infogan.data.images import PixelArray
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
        codes: np.ndarray,
        factors: np.ndarray,
        kinds: Sequence[Kind] | None = None,
        factor_names: Sequence[str] | None = None,
    ) -> "CodesAndFactors":
        """Checks codes and factors and shuffles them; the order depends on the number of images alone.

        Args:
            codes: (n, d); a category as 0, 1, ..., an angle in radians.
            factors: (n, f), whole numbers.
            kinds: of the codes; all numbers by default.

        Raises:
            InfoganError: if the arrays do not fit, there are fewer than 20 images, a code is not finite, or a
                factor has one value or fewer than six images per value.
        """
        codes = codes.astype(float)
        (n, d), f = codes.shape, factors.shape[1]
        kinds = tuple(kinds or ("number",) * d)
        if len(factors) != n:
            raise InfoganError(f"scores: there are codes of {n:,} images, but factors of {len(factors):,}.")
        if n < MIN_IMAGES:
            raise InfoganError(f"scores: at least {MIN_IMAGES} images are needed; there are codes of {n}.")
        if not (len(kinds) == d > 0 and f > 0):
            raise InfoganError(
                f"scores: there are {d} codes, {len(kinds)} kinds and {f} factors; "
                "pass one kind per code, and at least one factor."
            )
        for j, v in enumerate(codes.T, 1):
            if n_not_finite := (~np.isfinite(v)).sum():
                raise InfoganError(f"scores: code {j} is NaN or infinite for {n_not_finite:,} images.")
        names = factor_names or [f"factor {i}" for i in range(1, f + 1)]
        for name, v in zip(names, factors.T, strict=True):
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
        ordered = cls(codes, kinds, ranks.astype(np.int64), np.concatenate(parts, axis=1), code_of_column)
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
        return cls.from_arrays(encode(some.pixels), factors[:, varying], kinds, names)

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
