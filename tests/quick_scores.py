"""Scores of fewer images and resamples, for tests that need scores but not their precision."""

from collections.abc import Callable

from infogan.evaluation import across_runs, clustering, consistency
from infogan.evaluation.control import effects
from infogan.evaluation.control import scores as control
from infogan.evaluation.disentanglement import association, betavae_factorvae
from infogan.evaluation.disentanglement import scores as disentanglement


def use(set_attribute: Callable[[object, str, int], None] = setattr) -> None:
    for module in (clustering, consistency, association, control, disentanglement):
        set_attribute(module, "N_RESAMPLES", 4)
    set_attribute(consistency, "N_RESAMPLES_OF_BOUND", 4)
    for name in ("N_IMAGES", "N_IMAGES_FOR_BOUND"):
        set_attribute(consistency, name, 320)
    for module in (effects, control):
        set_attribute(module, "N_CONTEXTS", 20)
    set_attribute(betavae_factorvae, "N_TRAIN", 500)
    set_attribute(betavae_factorvae, "N_TEST", 200)
    set_attribute(across_runs, "N_RESAMPLES", 50)
