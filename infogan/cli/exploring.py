"""infogan explore: the page where codes are turned by hand."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter


def register(app: App, *, show_all: bool) -> None:
    """Adds the verb."""
    app.command(explore)


def explore(
    run: Annotated[Path | None, Parameter(help="A run; else a small one that comes with infogan.")] = None,
    /,
    *,
    port: Annotated[int, Parameter(help="Where the page is; 0 takes any free one.")] = 8000,
    host: Annotated[
        str, Parameter(help="The address to listen at; at any but this machine's own, a token is asked for.")
    ] = "127.0.0.1",
    browser: Annotated[bool, Parameter(help="Open the page in the browser.")] = True,
) -> None:
    """Turn the codes of a run by hand, on a page in the browser; Ctrl-C ends it."""
    from infogan.explore.serve import listen, serve

    with listen(host, port) as listening:
        from infogan.runs.find import shipped_run_path
        from infogan.runs.run import Run

        opened = Run.open(shipped_run_path() if run is None else run)
        serve(opened, listening, browser, lambda text: print(f"infogan: {text}", file=sys.stderr, flush=True))
