"""Partitions of images into many small clusters, by k-means on their features from several starts."""

from typing import NamedTuple, final
from warnings import catch_warnings, simplefilter

import numpy as np
from jaxtyping import Float, Int
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

PER_CLUSTER = 40  # over-clusters per cluster
MIN_SIZE = 10  # images per over-cluster, on average
N_STARTS = 10  # ways to merge over-clusters into clusters, to start from
N_COMPONENTS = 64  # principal components of the features

Labels = Int[np.ndarray, "n"]


@final
class Partitions:
    """Partitions of the same features, each by k-means from its own start."""

    def __init__(self, features: Float[np.ndarray, "n width"], k: int) -> None:
        """Prepares the features; the over-clusters will be merged into k clusters."""
        self._mean = features.mean(0)
        x = normalize(features - self._mean)
        with np.errstate(invalid="ignore"):  # if all features are equal, there is no variance to explain
            self._pca = PCA(min(N_COMPONENTS, *x.shape), svd_solver="covariance_eigh").fit(x)
        self._x = self._pca.transform(x)
        self._k, self.m = k, max(k, min(PER_CLUSTER * k, len(x) // MIN_SIZE))
        self._k_means: list[KMeans] = []
        self.labels: list[Labels] = []  # per partition, the over-cluster of each image
        self.starts: list[Int[np.ndarray, "s m"]] = []  # per partition, ways to merge them into k clusters

    def add(self, seed: int) -> None:
        """Adds a partition."""
        # k-means sums in another order with each number of threads, so one thread makes it reproducible.
        with threadpool_limits(1, user_api="openmp"), catch_warnings():
            simplefilter("ignore", ConvergenceWarning)  # if fewer than m images differ
            fine = KMeans(self.m, n_init=1, max_iter=50, random_state=seed % 2**32).fit(self._x)
        self._k_means.append(fine)
        self.labels.append(fine.labels_.astype(np.int64))
        self.starts.append(self.merged(len(self.starts), self._k, seed))

    def merged(self, partition: int, k: int, seed: int) -> Int[np.ndarray, "s m"]:
        """Ways to merge the over-clusters of a partition into k clusters, by k-means of their centres."""
        centres = self._k_means[partition].cluster_centers_
        with threadpool_limits(1, user_api="openmp"), catch_warnings():
            simplefilter("ignore", ConvergenceWarning)
            coarse = [KMeans(k, n_init=1, random_state=(seed + i) % 2**32) for i in range(N_STARTS)]
            return np.array([each.fit_predict(centres) for each in coarse], np.int64)

    def predict(self, features: Float[np.ndarray, "n width"]) -> list[Labels]:
        """The over-clusters of other images, per partition."""
        x = self._pca.transform(normalize(features - self._mean))
        return [k_means.predict(x) for k_means in self._k_means]


class PartitionedSample(NamedTuple):
    """A sample of the images, what it is partitioned into, and which of its images are alike."""

    images: Int[np.ndarray, "s"]  # places in the data set
    partitions: Partitions
    near: Int[np.ndarray, "s neighbours"]  # the neighbours of each, as places in the sample
