"""Many runs: seeds of one config, or every combination of settings, here or on a Ray cluster."""

from infogan.sweep.plan import Plan
from infogan.sweep.settings import parse_settings
from infogan.sweep.summary import summarise, tell
from infogan.sweep.sweep import Swept, sweep

__all__ = ["Plan", "Swept", "parse_settings", "summarise", "sweep", "tell"]
