"""Scores of a trained model: {split: {score: {"value", "low", "high", "protocol"}}}."""

from infogan.metrics.association import strongest
from infogan.metrics.evaluation import Evaluation, evaluate, evaluate_run
from infogan.metrics.score import Score

__all__ = ["Evaluation", "Score", "evaluate", "evaluate_run", "strongest"]
