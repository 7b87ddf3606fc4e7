"""Features parted into cells: none lies in two blobs, other features find theirs, ways are unlike."""

import numpy as np
import pytest
from jaxtyping import Float, Int

from infogan.pretraining.clustering.over_clusters import CELLS, MEMBERS, STARTS, Cells

K = 3


@pytest.fixture(scope="module")
def blobs() -> tuple[Float[np.ndarray, "n width"], Int[np.ndarray, "n"]]:
    """Three far apart, in directions of their own, as lengths do not count."""
    rng = np.random.default_rng(0)
    kind = np.arange(3_000) % K
    return (10 * np.eye(5)[kind] + rng.normal(size=(3_000, 5))).astype(np.float32), kind


def test_a_cell_lies_in_one_blob_and_so_does_a_group_to_begin_from(
    blobs: tuple[Float[np.ndarray, "n width"], Int[np.ndarray, "n"]],
) -> None:
    x, kind = blobs
    cells = Cells(x, K)
    assert cells.m == CELLS * K
    for seed in (7, 8):
        cells.part(seed)
    for labels, starts in zip(cells.labels, cells.starts, strict=True):
        assert set(labels) == set(range(cells.m))
        table = np.zeros((cells.m, K), int)
        np.add.at(table, (labels, kind), 1)
        assert ((table > 0).sum(1) == 1).all()
        assert starts.shape == (STARTS, cells.m)
        assert len(set(zip(starts[0], table.argmax(1), strict=True))) == K
    assert not np.array_equal(*cells.labels)


def test_others_find_the_cells_of_what_they_resemble(
    blobs: tuple[Float[np.ndarray, "n width"], Int[np.ndarray, "n"]],
) -> None:
    x, _ = blobs
    cells = Cells(x, K)
    for seed in (7, 8):
        cells.part(seed)
    for labels, found in zip(cells.labels, cells.find(x[500:900]), strict=True):
        assert np.array_equal(labels[500:900], found)


def test_the_same_seed_parts_alike(blobs: tuple[Float[np.ndarray, "n width"], Int[np.ndarray, "n"]]) -> None:
    x, _ = blobs
    one, other = Cells(x, K), Cells(x, K)
    one.part(5)
    other.part(4)
    other.part(5)
    assert np.array_equal(one.labels[0], other.labels[1])
    assert np.array_equal(one.starts[0], other.starts[1])


@pytest.mark.parametrize(("n", "m"), [(4, 3), (10 * MEMBERS, 10), (3_000, 120)])
def test_there_are_few_cells_of_few(
    blobs: tuple[Float[np.ndarray, "n width"], Int[np.ndarray, "n"]], n: int, m: int
) -> None:
    cells = Cells(blobs[0][:n], K)
    cells.part(0)
    assert cells.m == m
    assert cells.labels[0].max() < m


def test_what_is_all_alike_is_parted_too() -> None:
    cells = Cells(np.ones((40, 5), np.float32), K)
    cells.part(0)
    assert set(cells.labels[0]) == {0}
    assert set(cells.find(np.ones((2, 5), np.float32))[0]) == {0}
