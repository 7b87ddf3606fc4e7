"""infogan report."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from infogan.cli.options import Data, Json, to_json
from infogan.utils.progress import console


def report(
    run: Path,
    /,
    *,
    metadata: Annotated[
        Path | None,
        Parameter(
            help="A table about the images, joined by file name or number: .csv, .tsv, .txt, .json, .jsonl, "
            ".parquet."
        ),
    ] = None,
    out: Annotated[
        Path | None, Parameter(name=["--out", "-o"], help="The HTML file; default: RUN/report.html.")
    ] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Write one page about a run: what varies, which codes are reliable, duplicates, outliers.

    The page is a single HTML file that needs no network: to read, print or send. With --json the findings are
    printed too.
    """
    from infogan.data import LoadOptions
    from infogan.report import write_report
    from infogan.runs.run import Run

    opened, load_options = Run.open(run), LoadOptions(data)
    with console().status("") as status:
        done = write_report(opened, out, metadata, load_options, lambda what: status.update(f"{run}: {what}"))
    print(to_json({"report": str(done.path), **done.findings}) if json else done.path)
