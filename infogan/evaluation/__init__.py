"""Scores of trained models and of runs, and which run of a sweep to choose."""

from infogan.evaluation.compare import compare_evaluations, is_significant
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
from infogan.evaluation.evaluation_file import read_evaluation, without_resamples
from infogan.evaluation.median import median_over_runs
from infogan.evaluation.score import Evaluation, Score

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
