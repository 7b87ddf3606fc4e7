"""infogan explore."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def explore(
    run: Annotated[
        Path | None, Parameter(help="A run; default: a small one included in the package.")
    ] = None,
    /,
    *,
    port: Annotated[int, Parameter(help="The page's port; 0 takes any free one.")] = 8000,
    host: Annotated[
        str, Parameter(help="The address to listen at; any but this machine's own requires a token.")
    ] = "127.0.0.1",
    browser: Annotated[bool, Parameter(help="Open the page in the browser.")] = True,
) -> None:
    """Explore the codes of a run on a page in the browser; Ctrl-C ends it."""
    from infogan.explore.serve import listen, serve

    with listen(host, port) as listening:
        from infogan.runs.find import shipped_run_path
        from infogan.runs.run import Run

        opened = Run.open(shipped_run_path() if run is None else run)
        serve(opened, listening, browser, lambda text: print(f"infogan: {text}", file=sys.stderr, flush=True))
