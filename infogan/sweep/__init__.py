"""Many runs: seeds of one config, or every combination of settings, here or on a Ray cluster."""

from infogan.sweep.main import Swept, sweep
from infogan.sweep.plan import Plan
from infogan.sweep.settings import parse_settings
from infogan.sweep.summary import summarise, tell

__all__ = ["Plan", "Swept", "parse_settings", "summarise", "sweep", "tell"]
