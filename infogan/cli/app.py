"""The program `infogan`: all its verbs, its exit status, and the errors it prints."""

import io
import os
import sys
from collections.abc import Collection

from cyclopts import App, Parameter

from infogan.cli.bench import bench, presets
from infogan.cli.data import data_app
from infogan.cli.encode import encode
from infogan.cli.evaluate import compare, evaluate, select
from infogan.cli.explore import explore
from infogan.cli.export import export
from infogan.cli.figures import figures, traverse
from infogan.cli.paper import paper
from infogan.cli.report import report
from infogan.cli.sweep import sweep_app
from infogan.cli.threads import set_thread_policy
from infogan.cli.train import train_app
from infogan.config.presets import PRESETS
from infogan.utils.errors import InfoganError
from infogan.utils.progress import QUIET

VERBS = (presets, bench, evaluate, compare, select, figures, traverse, report, explore, encode, export, paper)
EPILOGUE = (
    "--quiet hides progress, as INFOGAN_QUIET=1 does. Exit status: 0 success; 2 wrong input; 130 stopped by "
    "Ctrl-C, with everything saved."
)


def make_app(presets: Collection[str] = tuple(PRESETS), *, show_all: bool = False) -> App:
    """The program with all its verbs.

    Args:
        presets: those whose settings are options; the commands of others are only listed, which takes less
            time.
        show_all: whether help lists every setting of a config.
    """
    app = App(
        name="infogan",
        help="InfoGAN learns codes for what varies in unlabelled images: digit, slant, light, pose.",
        help_epilogue=EPILOGUE,
        default_parameter=Parameter(consume_multiple=True, negative_iterable=()),
    )
    app.command(train_app(presets, show_all))
    app.command(sweep_app(presets, show_all))
    app.command(data_app)
    for verb in VERBS:
        app.command(verb)
    app.register_install_completion_command(help="Install shell completion of verbs, presets and options.")
    return app


def main() -> None:
    """Runs the command in sys.argv."""
    set_thread_policy(is_new_training=sys.argv[1:2] == ["train"] and "--resume" not in sys.argv)
    if (
        os.environ.get("LOCAL_RANK", "0") != "0"
    ):  # of several processes that train together, the first one prints
        sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, open until the process ends
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a console in ASCII or cp1252 has no λ
    arguments = [argument for argument in sys.argv[1:] if argument != "--quiet"]
    if len(arguments) < len(sys.argv) - 1:
        os.environ[QUIET] = "1"
    try:
        show_all = "--help-all" in arguments
        presets = PRESETS if "--install-completion" in arguments else set(arguments) & set(PRESETS)
        make_app(presets, show_all=show_all)(
            ["--help" if word == "--help-all" else word for word in arguments]
        )
    except InfoganError as error:
        print(f"infogan: {error}", file=sys.stderr)
        sys.exit(2)
    except UnicodeEncodeError as error:  # of a file name, in a locale other than UTF-8
        letters = ascii(error.object[error.start : error.end])
        print(
            f"infogan: a file name contains {letters}, which this locale's {error.encoding} lacks; set "
            "PYTHONUTF8=1.",
            file=sys.stderr,
        )
        sys.exit(2)
    except KeyboardInterrupt:
        print("infogan: stopped.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
