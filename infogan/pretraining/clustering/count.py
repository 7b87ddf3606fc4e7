"""How many categories? The number of clusters that keep the largest share of the information they could keep.

Over-clusters of a network's features are merged into k = 2, 3, ... clusters, which keep I(k) nats about the
clusters of their neighbours, at most log k. Joined classes leave information out, and halves of a class,
which are neighbours, add less to I(k) than to log k; so I(k) / log k is largest in between.
"""

from collections.abc import Callable, Generator
from typing import Any, NamedTuple, final

import numpy as np
from jaxtyping import Int

from infogan.config.spec import DEFAULT_CATEGORIES
from infogan.pretraining.clustering.clustering import FIRST_FRACTION, MIN_STABILITY, Clustering
from infogan.pretraining.clustering.consensus import consensus_clusters, count_neighbours, kept, stability

KS = range(2, 21)
MIN_IMAGES = 400  # twice as many over-clusters as clusters, of ten images each
N_PARTITIONS = 3


class Point(NamedTuple):
    """Partitions merged into k clusters."""

    k: int
    information: float  # that the best of the partitions keeps, in nats
    stability: float  # mean NMI of the partitions

    @property
    def share(self) -> float:
        """I(k) / log k."""
        return self.information / float(np.log(self.k))


@final
class Curve(NamedTuple):
    """What is kept by each number of clusters, and the number that was chosen."""

    points: tuple[Point, ...]
    k: int
    is_stable: bool  # if not, k is the default

    @property
    def message(self) -> str:
        shares = ", ".join(f"{point.k}: {point.share:.3f}" for point in self.points)
        chosen = (
            f"{self.k} categories, which keep the largest share of the information that k could keep"
            if self.is_stable
            else f"clusters are not stable, so {self.k} categories are taken"
        )
        return f"{chosen} ({shares})"

    def to_json(self) -> dict[str, Any]:
        points = [{**point._asdict(), "share": point.share} for point in self.points]
        return {"k": self.k, "is_stable": self.is_stable, "curve": points}


def measure(
    labels: Int[np.ndarray, "r n"],
    near: Int[np.ndarray, "n neighbours"],
    starts: Callable[[int], Int[np.ndarray, "r s m"]],
    pause: int,
) -> Generator[int, None, tuple[Point, ...]]:
    """The point of each k; yields `pause` after each.

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
        information = max(kept(count_neighbours(row, near, m), of, k) for row, of in pairs)
        points.append(Point(k, information, stability(np.stack([of[row] for row, of in pairs]))))
        yield pause
    return tuple(points)


def count_clusters(stage: Clustering) -> Generator[int, None, Curve]:
    """The first part of the stage, then over-clusters merged into each number; yields the steps done."""
    yield from stage.train_heads(n_first := round(FIRST_FRACTION * stage.n_steps))
    stage.check_finite()
    partitions, near = yield from stage.partition(n_first, N_PARTITIONS)
    points = yield from measure(
        np.array(partitions.labels),
        near,
        lambda k: np.array([partitions.merged(r, k, stage.seed) for r in range(N_PARTITIONS)]),
        n_first,
    )
    return choose(points, MIN_STABILITY, DEFAULT_CATEGORIES)


def choose(points: tuple[Point, ...], min_stability: float, default: int) -> Curve:
    """The k of the largest share, or a default if its clusters are not stable."""
    best = max(points, key=lambda point: point.share)
    is_stable = best.stability >= min_stability
    return Curve(points, best.k if is_stable else default, is_stable)
