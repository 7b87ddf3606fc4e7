"""Scores of fewer images and resamples, for tests that need scores but not their precision."""

from collections.abc import Callable

from infogan.evaluation import across_runs, clustering, consistency
from infogan.evaluation.control import scores as control
from infogan.evaluation.disentanglement import association


def use(set_attribute: Callable[[object, str, int], None] = setattr) -> None:
    for module in (clustering, consistency, association, control):
        set_attribute(module, "N_RESAMPLES", 4)
    set_attribute(consistency, "N_RESAMPLES_OF_BOUND", 4)
    for name in ("N_IMAGES", "N_IMAGES_FOR_BOUND"):
        set_attribute(consistency, name, 640)
    set_attribute(across_runs, "N_RESAMPLES", 50)
