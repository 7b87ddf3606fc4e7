"""Features partitioned into over-clusters: each is part of one blob, and other features find theirs."""

import numpy as np
import pytest

from infogan.pretraining.clustering.over_clusters import MIN_SIZE, N_STARTS, PER_CLUSTER, Partitions

K = 3
# Three blobs in directions far apart, as the length of a feature does not count.
RNG = np.random.default_rng(0)
BLOB = np.arange(3_000) % K
BLOBS = (10 * np.eye(5)[BLOB] + RNG.normal(size=(3_000, 5))).astype(np.float32)


def partitions(*seeds: int, n: int = 3_000) -> Partitions:
    made = Partitions(BLOBS[:n], K)
    for seed in seeds:
        made.add(seed)
    return made


def test_an_over_cluster_is_part_of_one_blob_and_starts_keep_blobs_apart() -> None:
    made = partitions(7, 8)
    assert made.m == PER_CLUSTER * K
    for labels, starts in zip(made.labels, made.starts, strict=True):
        assert set(labels) == set(range(made.m))
        table = np.zeros((made.m, K), int)
        np.add.at(table, (labels, BLOB), 1)
        assert ((table > 0).sum(1) == 1).all()
        assert starts.shape == (N_STARTS, made.m)
        assert len(set(zip(starts[0], table.argmax(1), strict=True))) == K
    assert not np.array_equal(*made.labels)


def test_other_features_find_the_over_clusters_of_their_like() -> None:
    made = partitions(7, 8)
    for labels, found in zip(made.labels, made.predict(BLOBS[500:900]), strict=True):
        assert np.array_equal(labels[500:900], found)


def test_a_partition_depends_on_its_seed_alone() -> None:
    one, other = partitions(5), partitions(4, 5)
    assert np.array_equal(one.labels[0], other.labels[1])
    assert np.array_equal(one.starts[0], other.starts[1])


@pytest.mark.parametrize(("n", "m"), [(4, 3), (10 * MIN_SIZE, 10), (3_000, 120)])
def test_few_images_have_few_over_clusters(n: int, m: int) -> None:
    made = partitions(0, n=n)
    assert made.m == m
    assert made.labels[0].max() < m


def test_equal_features_are_one_over_cluster() -> None:
    made = Partitions(np.ones((40, 5), np.float32), K)
    made.add(0)
    assert set(made.labels[0]) == set(made.predict(np.ones((2, 5), np.float32))[0]) == {0}
