"""Scores of a trained model: {split: {score: {"value", "low", "high", "protocol"}}}."""

from infogan.metrics.association import strongest
from infogan.metrics.compare import compare, differs
from infogan.metrics.disentanglement import disentanglement_scores
from infogan.metrics.evaluation import (
    GROUPS,
    QUICK,
    choose_groups,
    evaluate,
    evaluate_run,
    evaluated,
)
from infogan.metrics.pairs import Pairs, pair, pairs_of, read_pairs
from infogan.metrics.saved import read_evaluation, without_draws
from infogan.metrics.score import Evaluation, Score
from infogan.metrics.seeds import over_seeds

__all__ = [
    "GROUPS",
    "QUICK",
    "Evaluation",
    "Pairs",
    "Score",
    "choose_groups",
    "compare",
    "differs",
    "disentanglement_scores",
    "evaluate",
    "evaluate_run",
    "evaluated",
    "over_seeds",
    "pair",
    "pairs_of",
    "read_evaluation",
    "read_pairs",
    "strongest",
    "without_draws",
]
