"""The command line, one module per verb: parses, calls, prints results to standard output."""

from infogan.cli.app import main, make_app
from infogan.cli.threads import set_thread_policy

__all__ = ["main", "make_app", "set_thread_policy"]
