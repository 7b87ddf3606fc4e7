"""Over-clusters merged into clusters: no single move keeps more information, and partitions agree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import normalized_mutual_info_score

from infogan.pretraining.clustering.consensus import (
    Counts,
    Objective,
    consensus_clusters,
    count_neighbours,
    information_of,
    objective_of,
    sequential_improvement,
    stability,
)
from infogan.pretraining.clustering.split_merge import split_and_merge


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
@given(
    st.integers(3, 8),
    st.integers(0, 10**6),
    st.sampled_from([0.0, 0.7]),
    st.sampled_from(["information", "retention"]),
)
def test_no_move_of_one_over_cluster_keeps_more(m: int, seed: int, gap: float, objective: Objective) -> None:
    counts, k = random_counts(m, seed, gap), 3
    start = np.random.default_rng(seed).permutation(m) % k
    clusters = sequential_improvement(counts, start, k, objective)
    largest = objective_of(counts, clusters, k, objective)
    assert largest >= objective_of(counts, start, k, objective) - 1e-12
    assert set(clusters) == set(range(k))
    for i in range(m):
        if (clusters == clusters[i]).sum() > 1:  # the last of a cluster stays
            for other in range(k):
                changed = clusters.copy()
                changed[i] = other
                assert objective_of(counts, changed, k, objective) <= largest + 1e-12


def test_retention_finds_a_small_class_where_information_halves_a_large_one() -> None:
    """And no single move leads from one result to the other, but a split with a merger does."""
    half = np.repeat(np.arange(4), [5, 5, 2, 2])  # the first two are halves of one class, loosely joined
    classes, sizes = np.maximum(half - 1, 0), np.repeat([30.0, 30, 60, 6], [5, 5, 2, 2])
    near = np.where(np.equal.outer(half, half), 1, np.where(np.equal.outer(classes, classes), 0.3, 0.005))
    counts, halved = np.outer(sizes, sizes) * near, np.minimum(half, 2)
    assert objective_of(counts, halved, 3) > objective_of(counts, classes, 3) + 0.1
    assert objective_of(counts, halved, 3, "retention") < objective_of(counts, classes, 3, "retention") - 0.3
    np.testing.assert_array_equal(sequential_improvement(counts, halved, 3, "retention"), halved)
    found = split_and_merge(counts, halved, 3)
    assert normalized_mutual_info_score(found, classes) == pytest.approx(1)
    np.testing.assert_array_equal(split_and_merge(counts, classes, 3), classes)


def test_retention_of_clusters_without_a_neighbour_elsewhere_is_their_number() -> None:
    assert objective_of(7 * np.eye(4), np.arange(4), 4, "retention") == 4
    counts = np.ones((4, 4))
    assert objective_of(counts, np.array([0, 0, 0, 1]), 2, "retention") == pytest.approx(3 / 4 + 1 / 4)


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
