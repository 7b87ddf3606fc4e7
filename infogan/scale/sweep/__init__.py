"""Sweeps: runs of several seeds and settings, on this machine or on a Ray cluster, and their comparison."""

from infogan.scale.sweep.launch import SweepResult, sweep
from infogan.scale.sweep.settings import parse_settings
from infogan.scale.sweep.summary import format_summary, summarise_evaluations
from infogan.scale.sweep.trials import SweepOptions

__all__ = [
    "SweepOptions",
    "SweepResult",
    "format_summary",
    "parse_settings",
    "summarise_evaluations",
    "sweep",
]
