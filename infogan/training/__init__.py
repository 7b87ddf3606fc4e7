"""The training engine: the trainer and its components, sessions with their logs and checkpoints."""

from infogan.training.session import Outcome, Session
from infogan.training.state import load_state, state_of
from infogan.training.trainer import StepMetrics, Trainer

__all__ = ["Outcome", "Session", "StepMetrics", "Trainer", "load_state", "state_of"]
