"""Over-clusters merged into clusters: no single move keeps more information, and partitions agree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score

from infogan.pretraining.clustering.consensus import (
    Counts,
    consensus_clusters,
    count_neighbours,
    information_kept,
    information_of,
    sequential_improvement,
    stability,
)
from infogan.pretraining.clustering.linkage import linked_clusters, merge_linked


def random_counts(m: int, seed: int, gap: float = 0.0) -> Counts:
    """Symmetric counts, of which a share is 0."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 30, (m, m)) * (rng.random((m, m)) >= gap)
    return (counts + counts.T).astype(float) + np.eye(m)


def test_information_is_that_of_the_definition() -> None:
    counts = random_counts(5, 0)
    P = counts / counts.sum()
    p = P.sum(0)
    assert information_of(counts) == pytest.approx((P * np.log(P / np.outer(p, p))).sum())
    assert information_of(np.outer(p, p)) == pytest.approx(0, abs=1e-12)
    assert information_of(7 * np.eye(4)) == pytest.approx(np.log(4))


def test_neighbours_are_counted_both_ways() -> None:
    """Image 0, of over-cluster 2, has the neighbours 1 and 2, of over-clusters 0 and 2."""
    counts = count_neighbours(np.array([2, 0, 2]), np.array([[1, 2], [0, 2], [0, 1]]), 3)
    assert counts.tolist() == [[0, 0, 4], [0, 0, 0], [4, 0, 4]]


@settings(deadline=None)
@given(st.integers(3, 8), st.integers(0, 10**6), st.sampled_from([0.0, 0.7]))
def test_no_move_of_one_over_cluster_keeps_more(m: int, seed: int, gap: float) -> None:
    counts, k = random_counts(m, seed, gap), 3
    start = np.random.default_rng(seed).permutation(m) % k
    clusters = sequential_improvement(counts, start, k)
    largest = information_kept(counts, clusters, k)
    assert largest >= information_kept(counts, start, k) - 1e-12
    assert set(clusters) == set(range(k))
    for i in range(m):
        if (clusters == clusters[i]).sum() > 1:  # the last of a cluster stays
            for other in range(k):
                changed = clusters.copy()
                changed[i] = other
                assert information_kept(counts, changed, k) <= largest + 1e-12


def unequal_classes() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The classes of 1,000, 200 and 40 points of the plane, the ten nearest of each, and 60 over-clusters."""
    classes = np.repeat([0, 1, 2], [1000, 200, 40])
    rng = np.random.default_rng(0)
    x = np.array([[0, 0], [5.0, 0], [0, 5.0]])[classes] + rng.normal(size=(len(classes), 2))
    near = np.argsort(((x[:, None] - x) ** 2).sum(2), axis=1)[:, 1:11]
    return classes, near, KMeans(60, n_init=1, random_state=0).fit_predict(x).astype(np.int64)


def test_linkage_finds_a_small_class_where_information_halves_a_large_one() -> None:
    classes, near, labels = unequal_classes()
    counts = count_neighbours(labels, near, 60)
    linked = merge_linked(counts, np.bincount(labels, minlength=60), 3)
    assert normalized_mutual_info_score(linked[labels], classes) > 0.9
    balanced = sequential_improvement(counts, linked, 3)
    assert information_kept(counts, balanced, 3) > information_kept(counts, linked, 3)
    assert normalized_mutual_info_score(balanced[labels], classes) < 0.8


def test_linked_clusters_have_the_same_numbers_in_each_partition() -> None:
    _, near, labels = unequal_classes()
    rng = np.random.default_rng(1)
    rows = np.stack([rng.permutation(60)[labels] for _ in range(3)])
    of_images = [of[row] for row, of in zip(rows, linked_clusters(rows, near, 60, 3), strict=True)]
    assert (np.stack(of_images) == of_images[0]).all()


def test_the_pair_that_is_linked_most_merges_first() -> None:
    """3 of 10 x 10 are more than 4 of 10 x 1,000; the empty over-cluster changes nothing."""
    counts = np.array([[0, 3, 4, 0], [3, 0, 1, 0], [4, 1, 0, 0], [0, 0, 0, 0.0]])
    sizes = np.array([10, 10, 1000, 0])
    assert merge_linked(counts, sizes, 3).tolist() == [0, 0, 1, 2]
    assert merge_linked(counts, sizes, 4).tolist() == [0, 1, 2, 3]
    assert merge_linked(counts, sizes, 2).tolist() == [0, 0, 0, 1]
    assert counts[0, 1] == 3  # not changed


def test_over_clusters_that_are_neighbours_are_merged() -> None:
    """Three classes in seven over-clusters of different sizes, with hardly a neighbour in another class."""
    classes, sizes = np.array([0, 0, 1, 1, 1, 2, 2]), np.array([30, 2, 10, 20, 8, 15, 15.0])
    counts = np.where(classes[:, None] == classes, 1000, 1) * np.outer(sizes, sizes)
    clusters = sequential_improvement(counts, np.arange(7) % 3, 3)
    assert [set(classes[clusters == cluster]) for cluster in clusters[[0, 2, 5]]] == [{0}, {1}, {2}]


def test_partitions_agree_on_clusters_and_on_their_numbers() -> None:
    """Each has its own over-clusters, three per class; one starts from a bad merge only."""
    rng = np.random.default_rng(0)
    classes = np.repeat([0, 1, 2], 24)
    near = np.stack([rng.permutation(np.flatnonzero(classes == each))[:6] for each in classes])
    labels = np.stack([3 * classes + rng.permutation(72) % 3 for _ in range(3)])
    starts = np.stack([[rng.permutation(9) % 3 for _ in range(4)] for _ in range(3)])
    starts[1] = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2])  # no two over-clusters of a class together
    clusters = consensus_clusters(labels, near, starts, 3)
    of_images = np.stack([of[row] for row, of in zip(labels, clusters, strict=True)])
    assert (of_images == of_images[0]).all()
    assert [len(set(of_images[0][classes == each])) for each in range(3)] == [1, 1, 1]
    assert len(set(of_images[0])) == 3
    assert np.array_equal(consensus_clusters(labels, near, starts, 3), clusters)


def test_stability_is_the_mean_nmi_of_pairs() -> None:
    """By its definition: numbers of clusters do not count, and independent clusterings share nothing."""
    two, renumbered = np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0])
    across, three = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 2])
    assert stability(np.stack([two, renumbered])) == pytest.approx(1)
    assert stability(np.stack([two, across])) == pytest.approx(0, abs=1e-12)
    shared = np.log(2) / ((np.log(2) + 1.5 * np.log(2)) / 2)  # I over the mean of the entropies
    assert stability(np.stack([two, three])) == pytest.approx(shared)
    assert stability(np.stack([two, renumbered, three])) == pytest.approx((1 + 2 * shared) / 3)
