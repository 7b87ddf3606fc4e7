"""What codes say of images beside what is known of them: the input of every score of disentanglement.

n = images, d = codes, f = factors, m = columns that a regressor is given for the d codes.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float, Int
from sklearn.preprocessing import StandardScaler

from infogan.data import Factors, Images
from infogan.data.images import PixelArray
from infogan.method.codes import Kind
from infogan.method.model import Model
from infogan.utils.errors import InfoganError

MOST = 15_000  # 10,000 to fit and 5,000 to test (Locatello et al. 2019)
LEAST = 20
LEAST_OF_VALUE = 6  # images, on average: a third of them tests, and half of each part is a resample
BINS = 20  # of a code that is no category (Locatello et al. 2019)
MOST_VALUES = 50  # a factor with more of them is cut into
GROUPS = 10


@final
@dataclass(frozen=True)
class Pairs:
    """A row an image, in random order. `pair` makes them from arrays, `read_pairs` from images."""

    values: Float[np.ndarray, "n d"]
    kinds: tuple[Kind, ...]
    factors: Int[np.ndarray, "n f"]  # 0, 1, ...
    columns: Float[np.ndarray, "n m"]  # a number as it is, a category one-hot, an angle's cosine and sine
    owners: Int[np.ndarray, "m"]  # which code each column comes from

    def __len__(self) -> int:
        return len(self.values)

    def take(self, index: Int[np.ndarray, "k"]) -> "Pairs":
        """These rows."""
        return Pairs(self.values[index], self.kinds, self.factors[index], self.columns[index], self.owners)

    def split(self) -> tuple["Pairs", "Pairs"]:
        """Two thirds to fit, a third to test."""
        rows = np.arange(len(self))
        cut = 2 * len(self) // 3
        return self.take(rows[:cut]), self.take(rows[cut:])

    def bins(self) -> Int[np.ndarray, "n d"]:
        """The codes as whole numbers: a category as it is, all else in 20 bins of equal width."""
        binned = np.empty(self.values.shape, np.int64)
        for j, (v, kind) in enumerate(zip(self.values.T, self.kinds, strict=True)):
            place = (v - v.min()) / (np.ptp(v) or 1) * BINS
            binned[:, j] = v if kind == "category" else np.minimum(place.astype(np.int64), BINS - 1)
        return binned


def pair(
    values: np.ndarray,
    factors: np.ndarray,
    kinds: Sequence[Kind] | None = None,
    names: Sequence[str] | None = None,
) -> Pairs:
    """Checked codes and factors, in a random order that depends on their number alone.

    Args:
        values: what was read off the images; a category as 0, 1, ..., an angle in radians.
        factors: the true ones, each a whole number.
        kinds: what each code is; all numbers if not said.
        names: of the factors, for messages.

    Raises:
        InfoganError: for lengths that differ, fewer than 20 images, no code or no factor, a code that is not
            finite, a factor with one value, or with fewer than six images a value.
    """
    n, values = len(values), values.astype(float)
    if len(factors) != n:
        raise InfoganError(f"scores: there are codes of {n:,} images, but factors of {len(factors):,}.")
    if n < LEAST:
        raise InfoganError(f"scores: it takes codes of {LEAST} images at least; these are of {n}.")
    kinds = tuple(kinds or ("number",) * values.shape[1])
    if not (len(kinds) == values.shape[1] > 0 and factors.shape[1] > 0):
        raise InfoganError(
            f"scores: there are {values.shape[1]} codes, {len(kinds)} kinds and {factors.shape[1]} factors; "
            "due are a kind for each code, and a factor at least."
        )
    for j, v in enumerate(values.T, 1):
        if not np.isfinite(v).all():
            raise InfoganError(f"scores: code {j} is NaN or infinite for {(~np.isfinite(v)).sum():,} images.")
    for name, v in zip(
        names or [f"factor {i}" for i in range(1, factors.shape[1] + 1)], factors.T, strict=True
    ):
        found = len(np.unique(v))
        if found == 1:
            raise InfoganError(f"scores: {name} has one value in all images, so nothing can follow it.")
        if found > n // LEAST_OF_VALUE:
            raise InfoganError(
                f"scores: {name} has {found:,} values in {n:,} images, fewer than {LEAST_OF_VALUE} images a "
                "value; group its values first."
            )
    parts: list[np.ndarray] = [_columns(v, kind) for v, kind in zip(values.T, kinds, strict=True)]
    owners = np.repeat(np.arange(len(parts)), [part.shape[1] for part in parts])
    ranks = np.stack([np.unique(v, return_inverse=True)[1] for v in factors.T], axis=1)
    whole = Pairs(values, kinds, ranks.astype(np.int64), np.concatenate(parts, axis=1), owners)
    return whole.take(np.random.default_rng(0).permutation(n))


def read_pairs(
    read: Callable[[PixelArray], Float[np.ndarray, "n d"]], kinds: Sequence[Kind], images: Images
) -> Pairs:
    """Codes and factors of a random choice of at most 15,000 images whose factors are known.

    A factor with a single value among them is left out.

    Args:
        read: the representation; gives a row of codes for every image it is given.

    Raises:
        InfoganError: where the images have no factors, and as `pair` does.
    """
    if images.factors is None:
        raise InfoganError("scores: nothing is known of the factors of these images.")
    some = images.subsample(MOST)
    assert some.factors is not None
    factors = group(some.factors)
    vary = [i for i, v in enumerate(factors.T) if len(np.unique(v)) > 1]
    names = [some.factors.columns[i].name for i in vary]
    return pair(read(some.pixels), factors[:, vary], kinds, names)


def pairs_of(model: Model, images: Images) -> Pairs:
    """The same with the codes that a model's Q reads off the images, batch norm with running statistics."""

    def read(pixels: PixelArray) -> Float[np.ndarray, "n d"]:
        values: Float[np.ndarray, "n d"] = model.encode(pixels).values.numpy()
        return values

    return read_pairs(read, [code.kind for code in model.latent.codes], images)


def group(factors: Factors) -> Int[np.ndarray, "n f"]:
    """Factors as whole numbers: what has more than 50 values is cut into ten groups of equal number.

    So is what has fewer than six images a value. A category stays as it is.
    """
    most = min(MOST_VALUES, len(factors.values) // LEAST_OF_VALUE)
    grouped: list[np.ndarray] = []
    for v, factor in zip(factors.values.T, factors.columns, strict=True):
        v = np.round(v % (2 * math.pi), 9) % round(2 * math.pi, 9) if factor.kind == "angle" else v
        found, rank = np.unique(v, return_inverse=True)
        if len(found) > most and factor.kind != "category":
            rank = np.searchsorted(np.quantile(v, np.arange(1, GROUPS) / GROUPS), v, side="right")
        grouped.append(rank)
    stacked: Int[np.ndarray, "n f"] = np.stack(grouped, axis=1).astype(np.int64)
    return stacked


def standardised(fit: Pairs, test: Pairs) -> tuple[Float[np.ndarray, "n m"], Float[np.ndarray, "k m"]]:
    """The columns of both with the mean and the deviation of the first; a constant one is 0."""
    scale = StandardScaler().fit(fit.columns)
    return scale.transform(fit.columns), scale.transform(test.columns)


def _columns(v: Float[np.ndarray, "n"], kind: Kind) -> Float[np.ndarray, "n k"]:
    columns: Float[np.ndarray, "n k"]
    match kind:
        case "category":
            columns = (v[:, None] == np.unique(v)).astype(float)
        case "number":
            columns = v[:, None].astype(float)
        case "angle":
            columns = np.stack([np.cos(v), np.sin(v)], axis=1)
    return columns
