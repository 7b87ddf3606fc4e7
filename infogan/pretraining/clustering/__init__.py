"""Clusters real images by what is invariant to small transforms; `Clustering` is the stage."""

from infogan.pretraining.clustering.clustering import MIN_STABILITY, Clustering
from infogan.pretraining.clustering.reduced import reduced

__all__ = ["MIN_STABILITY", "Clustering", "reduced"]
