"""Scores of fewer images and resamples, for tests that need scores but not their precision."""

from collections.abc import Callable

from infogan.evaluation import bound, clustering, consistency, median
from infogan.evaluation.disentanglement import association


def use(set_attribute: Callable[[object, str, int], None] = setattr) -> None:
    for module in (bound, clustering, consistency, association):
        set_attribute(module, "N_RESAMPLES", 4)
    for module in (bound, consistency):
        set_attribute(module, "N_IMAGES", 640)
    set_attribute(median, "N_RESAMPLES", 50)
