"""The report about a run: one HTML file to read in five minutes, to print, to send to somebody."""

from collections.abc import Callable
from pathlib import Path

from infogan.data import DEFAULT_OPTIONS, LoadOptions, available_splits
from infogan.report.gather import gather
from infogan.report.render import render, save_page
from infogan.runs.run import Run


def write_report(
    run: Run,
    path: Path | None = None,
    metadata: Path | None = None,
    load_options: LoadOptions = DEFAULT_OPTIONS,
    say: Callable[[str], None] = lambda _: None,
) -> Path:
    """Writes the page, as report.html into the run's folder unless a path is named; gives where it is.

    Args:
        metadata: a table about the images, .csv, .tsv or .parquet, joined by their names or numbers.
        say: told what is being done.

    Raises:
        InfoganError: where the run has no checkpoint, its images cannot be read, the table does not join, or
            the page cannot be written.
    """
    model = run.model()
    say(f"reading {run.config.data.images}")
    images = run.images(available_splits(run.config.data.images, load_options)[0], load_options)
    page = render(gather(run, model, images, metadata, say))
    target = path or run.path / "report.html"
    save_page(page, target)
    return target
