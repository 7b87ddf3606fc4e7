"""Angles that pictures follow linearly, such as hues: pairs of independent components that lie on a circle.

Two angles are hard for an autoencoder: the sum of both goes around as well as each does, and no small step
leads from one solution to the other. But pictures are often sums of parts that follow one angle each: the
wall's pixels are its colour, a point on a circle, times the light. Independent component analysis of the
principal components separates such parts. Cosine and sine of one angle are uncorrelated, yet their squares
sum to a constant: the squares have correlation -1, and near 0 if two components are independent.
"""

import warnings
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from sklearn.decomposition import PCA, FastICA
from sklearn.exceptions import ConvergenceWarning

MAX_COMPONENTS = 16
MAX_CORRELATION = -0.1  # of the squares of two components that are taken for cosine and sine
MIN_AGREEMENT = 0.9  # of an angle with that which the other half of the images gives


class Circles(NamedTuple):
    """Where angles are read: the k-th is that of columns 2k and 2k + 1 of (x - mean) rows^T."""

    mean: Float[np.ndarray, "p"]
    rows: Float[np.ndarray, "pairs_of_rows p"]

    def read(self, x: Float[np.ndarray, "n p"]) -> Float[np.ndarray, "n _"]:
        """In radians, from -pi to pi."""
        s = (x - self.mean) @ self.rows.T
        angles: np.ndarray = np.arctan2(s[:, 1::2], s[:, 0::2])
        return angles


def find_circles(x: Float[np.ndarray, "n p"], n_angles: int, rng: np.random.Generator) -> Circles | None:
    """The circles that make up most of the images' variance; `None` if there are fewer than `n_angles`.

    As few principal components are analysed as have enough circles that are the same on two halves of the
    images.

    Args:
        x: images as vectors.
    """
    halves = np.array_split(rng.permutation(len(x)), 2)
    n_most = min(MAX_COMPONENTS, x.shape[1], *map(len, halves))
    pcas = [PCA(n_most, svd_solver="randomized", random_state=0).fit(x[half]) for half in halves]
    components = [pca.transform(x[half]) for pca, half in zip(pcas, halves, strict=True)]
    for n in range(2 * n_angles, n_most + 1):
        found = [_circles(pca, z[:, :n], n_angles, rng) for pca, z in zip(pcas, components, strict=True)]
        first, second = (circles.read(x[halves[1]]) for circles in found)
        are_enough = first.shape == second.shape == (len(halves[1]), n_angles)
        if are_enough and agreement(first, second).max(axis=1).min() > MIN_AGREEMENT:
            return found[0]
    return None


def agreement(a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "n e"]) -> Float[np.ndarray, "d e"]:
    """1 where one angle is the other but for direction and offset, 0 if they are independent and uniform."""
    za, zb = np.exp(1j * a), np.exp(1j * b)
    same: np.ndarray = np.maximum(np.abs(za.T @ zb), np.abs(za.T @ zb.conj())) / len(a)
    return same


def _circles(pca: PCA, z: Float[np.ndarray, "n d"], n_angles: int, rng: np.random.Generator) -> Circles:
    """Of the first d principal components z of the images."""
    ica = FastICA(whiten="unit-variance", max_iter=300, tol=1e-3, random_state=int(rng.integers(2**31)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # then the two halves differ
        s = ica.fit_transform(z)
    variance = np.square(ica.mixing_).sum(axis=0)  # of the images, of each component
    pairs = _pairs(np.corrcoef(np.square(s).T), variance, n_angles)
    return Circles(pca.mean_, ica.components_[pairs] @ pca.components_[: z.shape[1]])


def _pairs(
    correlation: Float[np.ndarray, "d d"], variance: Float[np.ndarray, "d"], n_pairs: int
) -> Int[np.ndarray, "columns"]:
    """The indices of the components on each circle, pair after pair, the pair of most variance first."""
    weight = np.where(correlation < MAX_CORRELATION, np.minimum(variance, variance[:, None]), 0)
    pairs: list[int] = []
    while len(pairs) < 2 * n_pairs and weight.max() > 0:
        pair = [int(i) for i in np.unravel_index(weight.argmax(), weight.shape)]
        pairs += pair
        weight[pair] = weight[:, pair] = 0
    return np.array(pairs, dtype=np.int64)
