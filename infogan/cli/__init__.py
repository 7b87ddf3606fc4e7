"""The command line: parses, calls, prints. Progress goes to standard error, results to standard output."""

import ctypes
import logging
import os
import sys

from cyclopts import App, Parameter

from infogan.cli import datasets, running, training
from infogan.errors import InfoganError

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h

EXIT = "Exit status: 0 done; 2 something about the input was wrong; 130 stopped by Ctrl-C, all saved."


def make_app() -> App:
    """The program with all its verbs."""
    app = App(
        name="infogan",
        help="Finds the factors of variation in unlabelled images and hands them over as knobs.",
        help_epilogue=EXIT,
        default_parameter=Parameter(consume_multiple=True, negative_iterable=()),
    )
    for part in (training, running, datasets):
        part.register(app)
    return app


def spare_the_machine() -> None:
    """Threads and memory, which only takes hold before torch loads; the person's own word goes first."""
    # A thread that waits spins for about a tenth of a millisecond, then sleeps. At torch's default it spins
    # on, and a busy neighbour slows small batches thirtyfold; not to spin at all costs small networks half
    # of their speed alone.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    if sys.platform == "linux" and not any(name.startswith("MALLOC_") for name in os.environ):
        # Memory that an update frees is kept for the next one, instead of thousands of page faults.
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc's
        if mallopt is not None:
            mallopt(M_MMAP_THRESHOLD, ctypes.c_int(2**31 - 1))
            mallopt(M_TRIM_THRESHOLD, ctypes.c_int(2**31 - 1))


def main() -> None:
    """The entry point."""
    spare_the_machine()
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    try:
        make_app()()
    except InfoganError as error:
        print(f"infogan: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("infogan: stopped.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
