"""Merges over-clusters into clusters of any size, for categories that need not be equally frequent.

Agglomerative clustering: the two clusters merge that are linked most, until k are left. The link of two
clusters of a and b images is how often an image of one has a neighbour in the other, over (a b)^0.75.

Each image has equally many neighbours, so two parts of one class of N images are neighbours about a b / N
times. Divided by a b, which is average linkage, that is larger in small classes, so large ones stay in parts;
divided by its root, large clusters swallow small ones. The exponent between the two was chosen by the errors
of two sets with unequal classes (docs/results/categories.md).
"""

import numpy as np
from jaxtyping import Int
from sklearn.metrics import normalized_mutual_info_score

from infogan.pretraining.clustering.consensus import Clusters, Counts, count_neighbours, numbered_as

EXPONENT = 0.75


def linked_clusters(
    labels: Int[np.ndarray, "r n"], near: Int[np.ndarray, "n neighbours"], m: int, k: int
) -> Int[np.ndarray, "r m"]:
    """The clusters of the over-clusters of each of r partitions, numbered as in the one most like the others.

    Args:
        labels: the over-cluster of each image, out of m, in each partition.
        near: the neighbours of each image.
    """
    found = [merge_linked(count_neighbours(row, near, m), np.bincount(row, minlength=m), k) for row in labels]
    of_images = [clusters[row] for row, clusters in zip(labels, found, strict=True)]
    agreement = [sum(normalized_mutual_info_score(one, other) for other in of_images) for one in of_images]
    reference = of_images[int(np.argmax(agreement))]
    return np.stack([numbered_as(reference, *pair, k) for pair in zip(labels, found, strict=True)])


def merge_linked(counts: Counts, sizes: Int[np.ndarray, "m"], k: int) -> Clusters:
    """The cluster of each over-cluster.

    Args:
        counts: how often an image of one over-cluster has a neighbour in another, symmetric.
        sizes: the images in each over-cluster.
    """
    counts, size = counts.copy(), np.maximum(sizes, 1).astype(float)
    clusters, left = np.arange(len(counts)), np.arange(len(counts))
    while len(left) > k:
        links = counts[np.ix_(left, left)] / np.outer(size[left], size[left]) ** EXPONENT
        np.fill_diagonal(links, -1)
        i, j = left[list(np.unravel_index(links.argmax(), links.shape))]
        counts[i] += counts[j]
        counts[:, i] += counts[:, j]
        size[i] += size[j]
        clusters[clusters == j] = i
        left = left[left != j]
    return np.unique(clusters, return_inverse=True)[1]
