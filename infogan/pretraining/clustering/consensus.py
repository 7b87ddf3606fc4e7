"""Merges over-clusters into few clusters that keep most of the information about their neighbours' clusters.

The sequential information bottleneck (Slonim, Friedman and Tishby 2002, "Unsupervised Document Classification
using Sequential Information Maximization") on a symmetric matrix: how often an image of one over-cluster has
a neighbour in another. It ends in a local optimum. So several partitions are merged, and each is merged again
from the clusters that the others found; the best result reaches all of them.

Information is largest for equal clusters. `linkage.py` merges where classes may differ in size.
"""

from collections.abc import Iterable
from itertools import combinations

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from scipy.special import entr
from sklearn.metrics import normalized_mutual_info_score

N_EXCHANGES = 2  # times that each partition starts again from the clusters of the others
MAX_PASSES = 100  # over all over-clusters; a handful is usual

Counts = Float[np.ndarray, "m m"]
Clusters = Int[np.ndarray, "m"]  # the cluster of each over-cluster


def count_neighbours(labels: Int[np.ndarray, "n"], near: Int[np.ndarray, "n neighbours"], m: int) -> Counts:
    """How often an image of one over-cluster has a neighbour in another, symmetrised."""
    counts = np.zeros((m, m))
    np.add.at(counts, (np.repeat(labels, near.shape[1]), labels[near].ravel()), 1)
    return counts + counts.T


def information_of(counts: Counts) -> float:
    """I(k; k') in nats of the joint distribution given by symmetric counts."""
    P = counts / counts.sum()
    return float(2 * entr(P.sum(0)).sum() - entr(P).sum())


def information_kept(counts: Counts, clusters: Clusters, k: int) -> float:
    """The information, in nats, of the clusters that over-clusters are merged into."""
    member = np.eye(k)[clusters]
    return information_of(member.T @ counts @ member)


def sequential_improvement(counts: Counts, clusters: Clusters, k: int) -> Clusters:
    """Moves one over-cluster at a time to the cluster with which most is kept, until none moves.

    No cluster is left empty.
    """
    clusters, member = clusters.copy(), np.eye(k)[clusters]
    to_over = member.T @ counts  # neighbours of each cluster in each over-cluster
    between, sizes = to_over @ member, member.sum(0)
    for _ in range(MAX_PASSES):
        any_moved = False
        for i, old in enumerate(clusters.tolist()):
            if sizes[old] == 1:
                continue
            within, to_cluster = counts[i, i], to_over[:, i].copy()
            to_cluster[old] -= within
            between[old] -= to_cluster  # take i out
            between[:, old] -= to_cluster
            between[old, old] -= within
            gains = _gains(between, to_cluster, within)
            new = int(gains.argmax())
            between[new] += to_cluster
            between[:, new] += to_cluster
            between[new, new] += within
            if new != old:
                any_moved, clusters[i] = True, new
                to_over[old] -= counts[i]
                to_over[new] += counts[i]
                sizes[old] -= 1
                sizes[new] += 1
        if not any_moved:
            break
    return clusters


def _gains(
    between: Float[np.ndarray, "k k"], to_cluster: Float[np.ndarray, "k"], within: float
) -> Float[np.ndarray, "k"]:
    """What is gained, up to a factor and a constant, if an over-cluster joins each cluster.

    Args:
        between: counts of neighbours in pairs of clusters, without the over-cluster.
        to_cluster: those of the over-cluster with each.
        within: those among itself.
    """
    diagonal, totals, total = between.diagonal(), between.sum(1) + to_cluster, to_cluster.sum() + within
    joined = diagonal + 2 * to_cluster + within
    # I = 2 H(k) - H(k, k'). The cluster's row and column change; they are equal except for the diagonal.
    joint = 2 * (entr(between + to_cluster) - entr(between)).sum(1)
    joint += entr(joined) - 2 * entr(diagonal + to_cluster) + entr(diagonal)
    gains: np.ndarray = 2 * (entr(totals + total) - entr(totals)) - joint
    return gains


def consensus_clusters(
    labels: Int[np.ndarray, "r n"],
    near: Int[np.ndarray, "n neighbours"],
    starts: Int[np.ndarray, "r s m"],
    k: int,
) -> Int[np.ndarray, "r m"]:
    """The clusters of the over-clusters of each of r partitions, numbered alike.

    Args:
        labels: the over-cluster of each image, out of m, in each partition.
        near: the neighbours of each image.
        starts: clusters of the over-clusters to start from; the best result counts.
    """
    m = starts.shape[2]
    counts = [count_neighbours(row, near, m) for row in labels]

    def best(r: int, starts: Iterable[Clusters]) -> Clusters:
        ends = (sequential_improvement(counts[r], start, k) for start in starts)
        return max(ends, key=lambda clusters: information_kept(counts[r], clusters, k))

    found = [best(r, starts[r]) for r in range(len(labels))]
    for _ in range(N_EXCHANGES):
        of_images = [clusters[row] for row, clusters in zip(labels, found, strict=True)]
        found = [
            best(r, [found[r], *(overlap(row, other, m, k).argmax(1) for other in of_images)])
            for r, row in enumerate(labels)
        ]
    r = max(range(len(found)), key=lambda r: information_kept(counts[r], found[r], k))
    reference = found[r][labels[r]]
    return np.stack([numbered_as(reference, *pair, k) for pair in zip(labels, found, strict=True)])


def stability(clusters: Int[np.ndarray, "r n"]) -> float:
    """How well r > 1 clusterings of n images agree: mean NMI over pairs, in [0, 1].

    Clusters that depend on the start are an artefact of the start, not in the images (Lange, Roth, Braun and
    Buhmann 2004, "Stability-Based Validation of Clustering Solutions").
    """
    pairs = combinations(clusters, 2)
    return float(np.mean([normalized_mutual_info_score(one, other) for one, other in pairs]))


def numbered_as(
    reference: Int[np.ndarray, "n"], labels: Int[np.ndarray, "n"], clusters: Clusters, k: int
) -> Clusters:
    """The clusters, numbered so that most images have the number that the reference gives them."""
    _, numbers = linear_sum_assignment(-overlap(clusters[labels], reference, k, k))
    renumbered: Clusters = numbers[clusters]
    return renumbered


def overlap(
    one: Int[np.ndarray, "n"], other: Int[np.ndarray, "n"], m: int, k: int
) -> Float[np.ndarray, "m k"]:
    """How many images have each pair of labels."""
    counts = np.zeros((m, k))
    np.add.at(counts, (one, other), 1)
    return counts
