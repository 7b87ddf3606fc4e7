"""Scores of trained models and of runs, and which run of a sweep to choose."""

from infogan.evaluation.across_runs import compare_evaluations, is_significant, median_over_runs
from infogan.evaluation.disentanglement.association import strongest_codes
from infogan.evaluation.disentanglement.codes_and_factors import CodesAndFactors
from infogan.evaluation.disentanglement.scores import disentanglement_scores
from infogan.evaluation.evaluate import (
    DEFAULT_METRIC_GROUPS,
    METRIC_GROUPS,
    evaluate_model,
    evaluate_run,
    load_or_evaluate,
    resolve_metric_groups,
)
from infogan.evaluation.score import Evaluation, Score, read_evaluation, without_resamples

__all__ = [
    "DEFAULT_METRIC_GROUPS",
    "METRIC_GROUPS",
    "CodesAndFactors",
    "Evaluation",
    "Score",
    "compare_evaluations",
    "disentanglement_scores",
    "evaluate_model",
    "evaluate_run",
    "is_significant",
    "load_or_evaluate",
    "median_over_runs",
    "read_evaluation",
    "resolve_metric_groups",
    "strongest_codes",
    "without_resamples",
]
