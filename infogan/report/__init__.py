"""The report about a run: one HTML page that shows what each code does and how reliable it is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from infogan.data import DEFAULT_OPTIONS, LoadOptions, available_splits
from infogan.report.build import build_report
from infogan.report.findings import to_findings
from infogan.report.render import render, save_page
from infogan.runs.run import Run

__all__ = ["WrittenReport", "write_report"]


class WrittenReport(NamedTuple):
    """The page, and what it says as `to_findings` has it."""

    path: Path
    findings: dict[str, Any]


def write_report(
    run: Run,
    path: Path | None = None,
    metadata: Path | None = None,
    load_options: LoadOptions = DEFAULT_OPTIONS,
    progress: Callable[[str], None] = lambda _: None,
) -> WrittenReport:
    """Writes the page, by default report.html in the run's folder.

    Args:
        metadata: a .csv, .tsv or .parquet table about the images, joined by file name or number.
        progress: called with a few words at the start of each part.

    Raises:
        InfoganError: if the run has no checkpoint, its images cannot be read, the table does not match them,
            or the page cannot be written.
    """
    model = run.model()
    progress(f"reading {run.config.data.images}")
    images = run.images(available_splits(run.config.data.images, load_options)[0], load_options)
    report = build_report(run, model, images, metadata, progress)
    target = path or run.path / "report.html"
    save_page(render(report), target)
    return WrittenReport(target, to_findings(report))
