"""Many runs: seeds of one config, or every combination of settings, here or on a Ray cluster."""

from infogan.scale.sweep.main import Swept, sweep
from infogan.scale.sweep.plan import Plan
from infogan.scale.sweep.settings import parse_settings
from infogan.scale.sweep.summary import summarise, tell

__all__ = ["Plan", "Swept", "parse_settings", "summarise", "sweep", "tell"]
