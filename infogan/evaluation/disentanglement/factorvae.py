"""The two scores that look at batches of images which share one factor.

n = images, d = codes, f = factors, m = columns of the codes, b = batches, k = images or pairs in each.

Both ask which factor a batch shares. One that is constant in either part is not asked for; where no
factor is left the scores are 0, and where a single one is, they are 1 whatever the codes say of it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float, Int
from sklearn.linear_model import LogisticRegression

from infogan.evaluation.disentanglement.pairs import Pairs
from infogan.method.codes import Kind

# Locatello et al. 2019
FIT_BATCHES = 10_000
TEST_BATCHES = 5_000
BATCH = 64
LEAST_STD = 0.05  # over all images; a code with less is not asked

CHUNK = 500  # batches at a time


def factorvae(fit: Pairs, test: Pairs, rng: np.random.Generator) -> dict[str, float]:
    """How often the code that varies least in a batch tells the factor that the batch shares.

    Kim and Mnih 2018, Sec. 4: of 64 images with the same value of one factor, the code with the smallest
    variance, over its variance among all images, is the batch's vote. Each code stands for the factor that
    most of its votes came from in 10,000 batches of `fit`; the score is the share of 5,000 batches of
    `test` whose vote stands for the right one. The factor is drawn evenly, its value as images have it. The
    score is 0 where no code varies enough to vote.
    """
    of_all = variances(fit.columns, fit.owners, fit.kinds)
    voters = np.sqrt(of_all) >= LEAST_STD
    asked = _varying(fit, test)
    if not voters.any() or len(asked) == 0:
        return {"factorvae": 0.0}
    scale = np.where(voters, of_all, 1.0)

    def votes(pairs: Pairs, batches: int) -> Int[np.ndarray, "d f"]:
        table = np.zeros((len(voters), len(asked)), np.int64)
        groups = Groups.of(pairs.factors[:, asked])
        for factor in _shared(len(asked), batches, rng):
            first = rng.integers(len(pairs), size=(len(factor), 1))
            rows = groups.draw(np.repeat(first, BATCH, axis=1), factor, rng)
            ratio = variances(pairs.columns[rows], pairs.owners, pairs.kinds) / scale
            np.add.at(table, (np.where(voters, ratio, np.inf).argmin(axis=1), factor), 1)
        return table

    stands_for = votes(fit, FIT_BATCHES).argmax(axis=1)
    right = votes(test, TEST_BATCHES)[np.arange(len(voters)), stands_for]
    return {"factorvae": float(right.sum() / TEST_BATCHES)}


def betavae(fit: Pairs, test: Pairs, rng: np.random.Generator) -> dict[str, float]:
    """How well a linear classifier tells, from how codes differ in pairs of images, what the pairs share.

    Higgins et al. 2017, Sec. 3: all 64 pairs of a batch share one factor, each pair a value of its own;
    the batch's features are the mean distances of the codes in a pair. Logistic regression, penalised as
    scikit-learn does by default, learns the factor on 10,000 batches of `fit`; the score is its accuracy on
    5,000 batches of `test`.
    """
    asked = _varying(fit, test)
    if len(asked) < 2:
        return {"betavae": float(len(asked))}

    def batches(pairs: Pairs, number: int) -> tuple[Float[np.ndarray, "b d"], Int[np.ndarray, "b"]]:
        groups = Groups.of(pairs.factors[:, asked])
        features: list[np.ndarray] = []
        shared: list[np.ndarray] = []
        for factor in _shared(len(asked), number, rng):
            first = rng.integers(len(pairs), size=(len(factor), BATCH))
            second = groups.draw(first, factor, rng)
            apart = distances(pairs.values[first], pairs.values[second], pairs.kinds)
            features.append(apart.mean(axis=1))
            shared.append(factor)
        return np.concatenate(features), np.concatenate(shared)

    # The default solver seeks the same optimum, but stops short of it where codes have unlike scales.
    classifier = LogisticRegression(solver="newton-cholesky")
    classifier.fit(*batches(fit, FIT_BATCHES))
    return {"betavae": float(classifier.score(*batches(test, TEST_BATCHES)))}


def variances(
    columns: Float[np.ndarray, "*b n m"], owners: Int[np.ndarray, "m"], kinds: Sequence[Kind]
) -> Float[np.ndarray, "*b d"]:
    """Each code's variance, Σ_ij d(x_i, x_j) / 2n(n - 1): Gini's, as Kim and Mnih 2018 take for categories.

    d(x, y) is (x - y)^2 for numbers; for categories 0 if they are the same and 1 if not; for angles
    1 - cos(x - y). The last two are half the squared distances of one-hot vectors and of points of the
    unit circle, so half the variances of a code's columns add up to its own.
    """
    weight = np.array([1.0 if kind == "number" else 0.5 for kind in kinds])
    belongs = owners[:, None] == np.arange(len(kinds))
    of_codes: Float[np.ndarray, "*b d"] = columns.var(axis=-2, ddof=1) @ (belongs * weight)
    return of_codes


def distances(
    a: Float[np.ndarray, "*b d"], b: Float[np.ndarray, "*b d"], kinds: Sequence[Kind]
) -> Float[np.ndarray, "*b d"]:
    """How far apart two images' codes are: |a - b|, or 0 and 1 for categories, or the way round in [0, π]."""
    apart: Float[np.ndarray, "*b d"] = np.abs(a - b)
    for j, kind in enumerate(kinds):
        if kind == "category":
            apart[..., j] = apart[..., j] != 0
        elif kind == "angle":
            around = apart[..., j] % (2 * math.pi)
            apart[..., j] = np.minimum(around, 2 * math.pi - around)
    return apart


@final
@dataclass(frozen=True)
class Groups:
    """The images that share a value, for each factor."""

    order: Int[np.ndarray, "n f"]  # images by their value
    low: Int[np.ndarray, "n f"]  # where in that order the images like this one begin
    high: Int[np.ndarray, "n f"]  # and end

    @classmethod
    def of(cls, factors: Int[np.ndarray, "n f"]) -> "Groups":
        order = factors.argsort(axis=0, kind="stable")
        ordered = np.take_along_axis(factors, order, axis=0)
        columns = list(zip(ordered.T, factors.T, strict=True))
        low = np.stack([np.searchsorted(s, v, side="left") for s, v in columns], axis=1)
        high = np.stack([np.searchsorted(s, v, side="right") for s, v in columns], axis=1)
        return cls(order, low, high)

    def draw(
        self, images: Int[np.ndarray, "b k"], factor: Int[np.ndarray, "b"], rng: np.random.Generator
    ) -> Int[np.ndarray, "b k"]:
        """For each image any image, itself too, with its value of the factor that its batch shares."""
        of = factor[:, None]
        place = rng.integers(self.low[images, of], self.high[images, of])
        drawn: Int[np.ndarray, "b k"] = self.order[place, of]
        return drawn


def _varying(fit: Pairs, test: Pairs) -> Int[np.ndarray, "some"]:
    return np.flatnonzero((np.ptp(fit.factors, axis=0) > 0) & (np.ptp(test.factors, axis=0) > 0))


def _shared(f: int, batches: int, rng: np.random.Generator) -> Iterator[Int[np.ndarray, "b"]]:
    for start in range(0, batches, CHUNK):
        yield rng.integers(f, size=min(CHUNK, batches - start))
