"""Clusters merged: every step is the best there is, and what belongs together comes together."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infogan.merging import Law, information_of, merge


def some_law(m: int, seed: int, gap: float = 0.0) -> Law:
    """A law that is alike both ways, and has empty cells."""
    rng = np.random.default_rng(seed)
    P = rng.random((m, m)) ** 4 * (rng.random((m, m)) > gap)
    P = P + P.T + np.diag(rng.random(m))
    return P / P.sum()


def of_groups(P: Law, groups: np.ndarray) -> Law:
    return groups.T.astype(float) @ P @ groups


def test_information_is_that_of_the_definition() -> None:
    P = some_law(5, 0)
    p = P.sum(0)
    assert information_of(P) == pytest.approx((P * np.log(P / np.outer(p, p))).sum())
    assert information_of(np.outer(p, p)) == pytest.approx(0, abs=1e-12)
    assert information_of(np.eye(4) / 4) == pytest.approx(np.log(4))


@settings(deadline=None)
@given(st.integers(3, 7), st.integers(0, 10**6), st.sampled_from([0.0, 0.7]))
def test_each_merger_loses_least_of_all_pairs(m: int, seed: int, gap: float) -> None:
    P = some_law(m, seed, gap)
    found = information_of(of_groups(P, merge(P, m - 1)))
    every = []
    for i, j in combinations(range(m), 2):
        groups = np.delete(np.eye(m), j, axis=1)
        groups[j, i] = 1
        every.append(information_of(of_groups(P, groups)))
    assert found == pytest.approx(max(every), abs=1e-12)
    assert found <= information_of(P) + 1e-12


@pytest.mark.parametrize("k", [1, 2, 4, 6])
def test_every_cluster_is_in_one_group(k: int) -> None:
    groups = merge(some_law(6, 1), k)
    assert groups.shape == (6, k)
    assert (groups.sum(axis=1) == 1).all()
    assert groups.any(axis=0).all()


def test_clusters_that_lead_into_each_other_are_merged() -> None:
    """Three kinds in seven parts, which are of unlike sizes; between kinds next to nothing passes."""
    kind = np.array([0, 0, 1, 1, 1, 2, 2])
    size = np.array([0.3, 0.02, 0.1, 0.2, 0.08, 0.15, 0.15])
    P = np.where(kind[:, None] == kind, np.outer(size, size), 1e-4 * np.outer(size, size))
    groups = merge(P / P.sum(), 3)
    assert [set(kind[group]) for group in groups.T] == [{0}, {1}, {2}]
