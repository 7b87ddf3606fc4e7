"""infogan report: a page about a run."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from infogan.cli.app import Data, Json, SkipBad, print_paths
from infogan.utils.progress import console


def register(app: App, *, show_all: bool) -> None:
    """Adds the verb."""
    app.command(report)


def report(
    run: Path,
    /,
    *,
    metadata: Annotated[
        Path | None,
        Parameter(help="A .csv, .tsv or .parquet about the images; joined by file name, or by number."),
    ] = None,
    out: Annotated[
        Path | None, Parameter(name=["--out", "-o"], help="An HTML file; else RUN/report.html.")
    ] = None,
    data: Data = None,
    skip_bad: SkipBad = False,
    json: Json = False,
) -> None:
    """Tell a run on one page: what varies, which codes to trust, what they go with, duplicates, odd images.

    The page is one HTML file that needs no network: to read, to print, to send.
    """
    from infogan.data import LoadOptions
    from infogan.report import write_report
    from infogan.runs.run import Run

    opened = Run.open(run)
    with console().status("") as status:
        path = write_report(
            opened, out, metadata, LoadOptions(data, skip_bad), lambda what: status.update(f"{run}: {what}")
        )
    print_paths([path], json)
