"""infogan explore."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from infogan.cli.options import say


def explore(
    *runs: Annotated[
        Path,
        Parameter(
            name="RUN",
            help="A run, or a preset whose model ships with the package; two are shown side by side; "
            "default: mnist.",
        ),
    ],
    port: Annotated[int, Parameter(help="The page's port; 0 takes any free one.")] = 8000,
    host: Annotated[
        str, Parameter(help="The address to listen at; any but this machine's own requires a token.")
    ] = "127.0.0.1",
    browser: Annotated[bool, Parameter(help="Open the page in the browser.")] = True,
) -> None:
    """Explore the codes of a run, or of two side by side, on a page in the browser; Ctrl-C ends it."""
    from infogan.explore.serve import listen, serve
    from infogan.utils.errors import InfoganError

    if len(runs) > 2:
        raise InfoganError(f"the explorer shows one run, or two side by side; these are {len(runs)}.")

    with listen(host, port) as listening:
        from infogan.runs.find import open_run_or_shipped, shipped_run_path

        opened = [open_run_or_shipped(run, say) for run in runs or (shipped_run_path(),)]
        serve(opened, listening, browser, say)
