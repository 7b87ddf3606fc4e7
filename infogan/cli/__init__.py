"""The command line: parses, calls, prints. Progress goes to standard error, results to standard output."""

import os
import sys

from cyclopts import App, Parameter

from infogan.cli import datasets, experiments, exploring, judging, reporting, running, sharing, training
from infogan.utils.errors import InfoganError
from infogan.utils.progress import QUIET

EPILOGUE = (
    "--quiet, anywhere, turns off progress, as INFOGAN_QUIET=1 does; --help-all lists every setting. "
    "Exit status: 0 done; 2 something about the input was wrong; 130 stopped by Ctrl-C, all saved."
)


def make_app(*, show_all: bool = False) -> App:
    """The program with all its verbs; `show_all` has help list every setting of a config."""
    app = App(
        name="infogan",
        help="Finds the factors of variation in unlabelled images and hands them over as knobs.",
        help_epilogue=EPILOGUE,
        default_parameter=Parameter(consume_multiple=True, negative_iterable=()),
    )
    for part in (training, experiments, running, reporting, exploring, sharing, judging, datasets):
        part.register(app, show_all=show_all)
    app.register_install_completion_command(help="Have the shell complete verbs, presets and options.")
    return app


def calm_threads() -> None:
    """How threads wait, which only takes hold before torch loads; the person's own word goes first."""
    # A thread that waits spins briefly, then sleeps. At torch's default it spins on, and a busy neighbour
    # slows small batches thirtyfold; not to spin at all costs small networks a third of their speed or more.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")


def main() -> None:
    """The entry point."""
    calm_threads()
    if os.environ.get("LOCAL_RANK", "0") != "0":  # one of several processes, of which the first one tells
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115, as it is for as long as the process
    arguments = [argument for argument in sys.argv[1:] if argument != "--quiet"]
    if len(arguments) < len(sys.argv) - 1:
        os.environ[QUIET] = "1"
    try:
        show_all = "--help-all" in arguments
        make_app(show_all=show_all)(["--help" if word == "--help-all" else word for word in arguments])
    except InfoganError as error:
        print(f"infogan: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("infogan: stopped.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
