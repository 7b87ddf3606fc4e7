"""The BetaVAE and FactorVAE scores: which factor do the images of a batch share?

n = images, d = codes, f = factors, m = columns of the codes, b = batches, k = images or pairs per batch.

A factor that is constant in either part is left out. The scores are 0 if no factor is left, and 1, whatever
the codes, if only one is.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float, Int
from sklearn.linear_model import LogisticRegression

from infogan.evaluation.disentanglement.codes_and_factors import CodesAndFactors, varying_factors
from infogan.method.codes import Kind

# Locatello et al. 2019
N_TRAIN = 10_000  # votes or points
N_TEST = 5_000
BATCH_SIZE = 64
MIN_STD = 0.05  # over all images; a code with less is inactive

CHUNK = 500  # batches at a time


def factorvae(train: CodesAndFactors, test: CodesAndFactors, rng: np.random.Generator) -> dict[str, float]:
    """The accuracy of the majority vote of the least varying code (Kim and Mnih 2018, Sec. 4).

    Of 64 images with the same value of one factor, the code with the smallest variance, relative to its
    variance over all images, is the batch's vote for that factor. A code predicts the factor for which it got
    most of its votes in 10,000 batches of `train`; the score is the share of 5,000 batches of `test` whose
    code predicts the right factor. The score is 0 if no code is active.
    """
    global_variances = code_variances(train.columns, train.code_of_column, train.kinds)
    active = np.sqrt(global_variances) >= MIN_STD
    factors = varying_factors(train, test)
    if not active.any() or len(factors) == 0:
        return {"factorvae": 0.0}
    scale = np.where(active, global_variances, 1.0)

    def count_votes(data: CodesAndFactors, n_votes: int) -> Int[np.ndarray, "d f"]:
        votes = np.zeros((len(active), len(factors)), np.int64)
        for factor, _, rows in sample_batches(data.factors[:, factors], n_votes, 1, rng):
            ratio = code_variances(data.columns[rows], data.code_of_column, data.kinds) / scale
            np.add.at(votes, (np.where(active, ratio, np.inf).argmin(axis=1), factor), 1)
        return votes

    predicted = count_votes(train, N_TRAIN).argmax(axis=1)
    correct = count_votes(test, N_TEST)[np.arange(len(active)), predicted]
    return {"factorvae": float(correct.sum() / N_TEST)}


def betavae(train: CodesAndFactors, test: CodesAndFactors, rng: np.random.Generator) -> dict[str, float]:
    """How linearly code differences reveal the shared factor (Higgins et al. 2017, Sec. 3).

    The images of each of a batch's 64 pairs share the value of one factor, the same for all pairs. Logistic
    regression on the mean distances of the codes within a pair learns the factor on 10,000 batches of
    `train`; the score is its accuracy on 5,000 batches of `test`.
    """
    factors = varying_factors(train, test)
    if len(factors) < 2:
        return {"betavae": float(len(factors))}

    def sample_points(data: CodesAndFactors, n_points: int) -> tuple[np.ndarray, np.ndarray]:
        features: list[np.ndarray] = []
        targets: list[np.ndarray] = []
        for factor, first, second in sample_batches(data.factors[:, factors], n_points, BATCH_SIZE, rng):
            features.append(code_distances(data.codes[first], data.codes[second], data.kinds).mean(axis=1))
            targets.append(factor)
        return np.concatenate(features), np.concatenate(targets)

    # The default solver seeks the same optimum, but stops short of it if the scales of codes differ.
    classifier = LogisticRegression(solver="newton-cholesky")
    classifier.fit(*sample_points(train, N_TRAIN))
    return {"betavae": float(classifier.score(*sample_points(test, N_TEST)))}


def code_variances(
    columns: Float[np.ndarray, "*b n m"], code_of_column: Int[np.ndarray, "m"], kinds: Sequence[Kind]
) -> Float[np.ndarray, "*b d"]:
    """The variance of each code, Σ_ij d(x_i, x_j) / 2n(n - 1): Gini's for categories (Kim and Mnih 2018).

    d(x, y) is (x - y)^2 for numbers, 0 or 1 for equal or different categories, and 1 - cos(x - y) for
    angles. The last two are half the squared distances of one-hot vectors and of points of the unit circle,
    so half the variances of a code's columns add up to its own.
    """
    weight = np.array([1.0 if kind == "number" else 0.5 for kind in kinds])
    is_of_code = code_of_column[:, None] == np.arange(len(kinds))
    variances: np.ndarray = columns.var(axis=-2, ddof=1) @ (is_of_code * weight)
    return variances


def code_distances(
    a: Float[np.ndarray, "*b d"], b: Float[np.ndarray, "*b d"], kinds: Sequence[Kind]
) -> Float[np.ndarray, "*b d"]:
    """The distances of codes: |a - b|, 0 or 1 for categories, the shorter arc for angles."""
    distances: Float[np.ndarray, "*b d"] = np.abs(a - b)
    category, angle = (np.array(kinds) == kind for kind in ("category", "angle"))
    distances[..., category] = distances[..., category] != 0
    arc = distances[..., angle] % (2 * math.pi)
    distances[..., angle] = np.minimum(arc, 2 * math.pi - arc)
    return distances


def sample_batches(
    factors: Int[np.ndarray, "n f"], n_batches: int, n_first: int, rng: np.random.Generator
) -> Iterator[tuple[Int[np.ndarray, "b"], Int[np.ndarray, "b 64"], Int[np.ndarray, "b 64"]]]:
    """A random factor for each batch, random images, and for each of them one with the same value of it.

    CHUNK batches at a time. The first images of a batch are `n_first` different ones, repeated up to 64.
    """
    order = factors.argsort(axis=0, kind="stable")
    columns = list(zip(np.take_along_axis(factors, order, axis=0).T, factors.T, strict=True))
    # In that order, the images with the value of image i lie between low[i] and high[i].
    low, high = (
        np.stack([np.searchsorted(s, v, side) for s, v in columns], axis=1) for side in ("left", "right")
    )
    for start in range(0, n_batches, CHUNK):
        factor = rng.integers(factors.shape[1], size=min(CHUNK, n_batches - start))
        first = np.repeat(
            rng.integers(len(factors), size=(len(factor), n_first)), BATCH_SIZE // n_first, axis=1
        )
        of = factor[:, None]
        yield factor, first, order[rng.integers(low[first, of], high[first, of]), of]
