"""Scores of a trained model: {split: {score: {"value", "low", "high", "protocol"}}}."""

from infogan.evaluation.compare import compare, differs
from infogan.evaluation.disentanglement.association import strongest
from infogan.evaluation.disentanglement.pairs import Pairs, pair, pairs_of, read_pairs
from infogan.evaluation.disentanglement.scores import disentanglement_scores
from infogan.evaluation.evaluate import (
    GROUPS,
    QUICK,
    choose_groups,
    evaluate,
    evaluate_run,
    evaluated,
)
from infogan.evaluation.saved import read_evaluation, without_draws
from infogan.evaluation.score import Evaluation, Score
from infogan.evaluation.seeds import over_seeds

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
