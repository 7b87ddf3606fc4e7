"""Features of images parted into many small cells, in several ways."""

from warnings import catch_warnings, simplefilter

import numpy as np
from jaxtyping import Float, Int
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

CELLS = 40  # a group
MEMBERS = 10  # of a cell, on average, at least
STARTS = 10  # of putting cells into groups
WIDTH = 64  # principal components of the features, by which they are parted

Labels = Int[np.ndarray, "n"]


class Cells:
    """Ways of parting features into cells, each by k-means from a start of its own."""

    def __init__(self, features: Float[np.ndarray, "n width"], k: int) -> None:
        """Makes ready to part them; the cells are meant for k groups."""
        self._centre = features.mean(0)
        x = normalize(features - self._centre)
        with np.errstate(invalid="ignore"):  # where all are alike no component has a share of what varies
            self._main = PCA(min(WIDTH, *x.shape), svd_solver="covariance_eigh").fit(x)
        self._x = self._main.transform(x)
        self._k, self.m = k, max(k, min(CELLS * k, len(x) // MEMBERS))
        self._ways: list[KMeans] = []
        self.labels: list[Labels] = []  # the cell of each, by each way so far
        self.starts: list[Int[np.ndarray, "s m"]] = []  # k groups of a way's cells, to begin from

    def part(self, seed: int) -> None:
        """Parts them in another way."""
        with threadpool_limits(1, user_api="openmp"), catch_warnings():  # with more, no two sums are the same
            simplefilter("ignore", ConvergenceWarning)  # where fewer than m are unlike
            way = KMeans(self.m, n_init=1, max_iter=50, random_state=seed % 2**32).fit(self._x)
            few = [KMeans(self._k, n_init=1, random_state=(seed + i) % 2**32) for i in range(STARTS)]
            starts = [each.fit_predict(way.cluster_centers_) for each in few]
        self._ways.append(way)
        self.labels.append(way.labels_.astype(np.int64))
        self.starts.append(np.array(starts, np.int64))

    def find(self, features: Float[np.ndarray, "n width"]) -> list[Labels]:
        """The cells of other features, by each way."""
        x = self._main.transform(normalize(features - self._centre))
        return [way.predict(x) for way in self._ways]
