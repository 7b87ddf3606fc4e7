"""The number of categories.

Over-clusters of a network's features are merged into k = 2, 3, ... clusters, which keep I(k) nats about the
clusters of their neighbours, at most log k. The gain of k is what its k-th cluster adds to I(k), over
log k - log(k - 1), which a class of its own would add. As long as clusters are classes, gains hardly change;
halves of a class are neighbours, so that a cluster which halves one adds less. So the number is the last k
whose gain is at least `MIN_GAIN` of the median of the gains before it, up to the last that was large enough.
"""

import math
import statistics
from collections.abc import Callable, Generator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, final

import numpy as np
from jaxtyping import Int

from infogan.config.spec import DEFAULT_CATEGORIES
from infogan.pretraining.clustering.clustering import FIRST_FRACTION, MIN_STABILITY, Clustering
from infogan.pretraining.clustering.consensus import (
    consensus_clusters,
    count_neighbours,
    information_kept,
    stability,
)

KS = range(2, 21)
MIN_IMAGES = 400  # twice as many over-clusters as clusters, of ten images each
N_PARTITIONS = 3
MIN_GAIN = 0.875  # between the tenth and eleventh cluster of MNIST and of digits (docs/results/categories.md)


class Point(NamedTuple):
    """Partitions merged into k clusters."""

    k: int
    information: float  # that the best of the partitions keeps, in nats
    stability: float  # mean NMI of the partitions


@final
class Curve(NamedTuple):
    """What is kept by each number of clusters, and the number that was chosen."""

    points: tuple[Point, ...]
    k: int
    is_stable: bool  # if not, k is the default

    @property
    def message(self) -> str:
        listed = ", ".join(
            f"{point.k}: {gain:.2f}" for point, gain in zip(self.points, gains(self.points), strict=True)
        )
        chosen = (
            f"{self.k} categories, the last of which adds at least {MIN_GAIN:.0%} of what those before it do"
            if self.is_stable
            else f"clusters are not stable, so {self.k} categories are taken"
        )
        return f"{chosen} (information added by the k-th, of what it could add: {listed})"

    def to_json(self) -> dict[str, Any]:
        pairs = zip(self.points, gains(self.points), strict=True)
        points = [{**point._asdict(), "gain": gain} for point, gain in pairs]
        return {"k": self.k, "is_stable": self.is_stable, "curve": points}


def gains(points: Sequence[Point]) -> list[float]:
    """(I(k) - I(j)) / (log k - log j) for each k and the j before it; I(1) is 0."""
    before = [Point(1, 0.0, 1.0), *points]
    return [(new.information - old.information) / math.log(new.k / old.k) for old, new in pairwise(before)]


def measure(
    labels: Int[np.ndarray, "r n"],
    near: Int[np.ndarray, "n neighbours"],
    starts: Callable[[int], Int[np.ndarray, "r s m"]],
    n_done: int,
) -> Generator[int, None, tuple[Point, ...]]:
    """The point of each k; yields `n_done` after each.

    Args:
        labels: the over-cluster of each image in each partition.
        near: the neighbours of each image.
        starts: ways to merge the over-clusters of each partition into so many clusters.
    """
    points = []
    for k in KS:
        of_k = starts(k)
        m = of_k.shape[2]
        clusters = consensus_clusters(labels, near, of_k, k)
        pairs = list(zip(labels, clusters, strict=True))
        information = max(information_kept(count_neighbours(row, near, m), of, k) for row, of in pairs)
        points.append(Point(k, information, stability(np.stack([of[row] for row, of in pairs]))))
        yield n_done
    return tuple(points)


def count_clusters(stage: Clustering) -> Generator[int, None, Curve]:
    """The first part of the stage, then over-clusters merged into each number; yields the steps done."""
    yield from stage.train_heads(n_first := round(FIRST_FRACTION * stage.n_steps))
    stage.check_finite()
    sample = yield from stage.partition(n_first, N_PARTITIONS)
    partitions = sample.partitions
    points = yield from measure(
        np.array(partitions.labels),
        sample.near,
        lambda k: np.array([partitions.merged(r, k, stage.seed) for r in range(N_PARTITIONS)]),
        n_first,
    )
    return choose(points, MIN_STABILITY, DEFAULT_CATEGORIES)


def choose(points: tuple[Point, ...], min_stability: float, default: int) -> Curve:
    """The last k with about the gain of those before, or a default if its clusters are not stable."""
    found, of = gains(points), 0
    for i, gain in enumerate(found):
        if gain >= MIN_GAIN * statistics.median(found[: of + 1]):
            of = i
    is_stable = points[of].stability >= min_stability
    return Curve(points, points[of].k if is_stable else default, is_stable)
