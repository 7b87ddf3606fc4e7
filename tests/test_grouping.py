"""Cells put into groups: no single move keeps more, what belongs together comes together, ways agree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infogan.pretraining.clustering.consensus import (
    Counts,
    agree,
    agreement,
    count_neighbours,
    improve,
    information_of,
    kept,
)

KIND = np.array([0, 0, 1, 1, 1, 2, 2])  # of seven cells


def some_counts(m: int, seed: int, gap: float = 0.0) -> Counts:
    """Counts that are alike both ways; some cells never come together."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 30, (m, m)) * (rng.random((m, m)) >= gap)
    return (counts + counts.T).astype(float) + np.eye(m)


def test_information_is_that_of_the_definition() -> None:
    counts = some_counts(5, 0)
    P = counts / counts.sum()
    p = P.sum(0)
    assert information_of(counts) == pytest.approx((P * np.log(P / np.outer(p, p))).sum())
    assert information_of(np.outer(p, p)) == pytest.approx(0, abs=1e-12)
    assert information_of(7 * np.eye(4)) == pytest.approx(np.log(4))


def test_neighbours_are_counted_both_ways() -> None:
    """Image 0, of cell 2, has the neighbours 1 and 2, of cells 0 and 2."""
    counts = count_neighbours(np.array([2, 0, 2]), np.array([[1, 2], [0, 2], [0, 1]]), 3)
    assert counts.tolist() == [[0, 0, 4], [0, 0, 0], [4, 0, 4]]


@settings(deadline=None)
@given(st.integers(3, 8), st.integers(0, 10**6), st.sampled_from([0.0, 0.7]))
def test_no_move_of_one_cell_keeps_more(m: int, seed: int, gap: float) -> None:
    counts, k = some_counts(m, seed, gap), 3
    start = np.random.default_rng(seed).permutation(m) % k
    groups = improve(counts, start, k)
    most = kept(counts, groups, k)
    assert most >= kept(counts, start, k) - 1e-12
    assert set(groups) == set(range(k))
    for cell in range(m):
        if (groups == groups[cell]).sum() > 1:  # the last of a group stays
            for other in range(k):
                moved = groups.copy()
                moved[cell] = other
                assert kept(counts, moved, k) <= most + 1e-12


def test_cells_that_lead_into_each_other_come_together() -> None:
    """Three kinds in seven cells, which are of unlike sizes; between kinds next to nothing passes."""
    size = np.array([30, 2, 10, 20, 8, 15, 15.0])
    counts = np.where(KIND[:, None] == KIND, 1000, 1) * np.outer(size, size)
    groups = improve(counts, np.arange(7) % 3, 3)
    assert [set(KIND[groups == group]) for group in groups[[0, 2, 5]]] == [{0}, {1}, {2}]


def test_ways_agree_on_groups_and_on_their_names() -> None:
    """Each way has cells of its own, of 7, 8 and 9 images a kind; one begins from a bad start alone."""
    rng = np.random.default_rng(0)
    kind = np.repeat([0, 1, 2], 24)
    near = np.stack([rng.permutation(np.flatnonzero(kind == of))[:6] for of in kind])
    cells = np.stack([3 * kind + rng.permutation(72) % 3 for _ in range(3)])
    starts = np.stack([[rng.permutation(9) % 3 for _ in range(4)] for _ in range(3)])
    starts[1] = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2])  # no two cells of a kind together
    groups = agree(cells, near, starts, 3)
    named = np.stack([of[row] for row, of in zip(cells, groups, strict=True)])
    assert (named == named[0]).all()
    assert [len(set(named[0][kind == of])) for of in range(3)] == [1, 1, 1]
    assert len(set(named[0])) == 3
    assert np.array_equal(agree(cells, near, starts, 3), groups)


def test_agreement_is_what_two_ways_share() -> None:
    """NMI by its definition: names do not count, and ways that have nothing in common share nothing."""
    once, names = np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0])
    across, three = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 2])
    assert agreement(np.stack([once, names])) == pytest.approx(1)
    assert agreement(np.stack([once, across])) == pytest.approx(0, abs=1e-12)
    shared = np.log(2) / ((np.log(2) + 1.5 * np.log(2)) / 2)  # I over the mean of the entropies
    assert agreement(np.stack([once, three])) == pytest.approx(shared)
    assert agreement(np.stack([once, names, three])) == pytest.approx((1 + 2 * shared) / 3)
