"""The command line: parses, calls, prints. Progress goes to standard error, results to standard output."""

import logging
import os
import sys

from infogan.cli import datasets, running, training
from infogan.cli.app import app
from infogan.errors import InfoganError

__all__ = ["app", "main"]


def main() -> None:
    """The entry point. Threads that wait must not spin, which only holds if said before torch loads."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    for part in (training, running, datasets):
        part.register(app)
    try:
        app()
    except InfoganError as error:
        print(f"infogan: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("infogan: stopped.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
