"""Reproduces a figure: trains what is missing, measures, draws, and writes the record."""

import json
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from infogan.figures.paper import save_figures
from infogan.paper.draw import draw
from infogan.paper.experiments import Figure
from infogan.paper.measure import measure, measure_bounds
from infogan.paper.runs import Request, train_missing
from infogan.paper.states import Record, record_name
from infogan.utils.io import make_folder, wrap_write_errors, write_atomic


class Reproduced(NamedTuple):
    """What was measured, and the files that show it: the record first, then pictures."""

    record: Record
    files: list[Path]


def reproduce(figure: Figure, request: Request, console: Console) -> Reproduced | None:
    """Trains the runs of a figure that are missing, measures all, and writes its record and pictures.

    A picture shows the first rows of those that were measured. None if Ctrl-C stopped the training; the same
    call goes on from there.

    Raises:
        InfoganError: as `sweep`.
    """
    if train_missing(figure, request, console):
        return None
    with console.status("") as status:
        if figure.name == "fig1":
            record = measure_bounds(figure, request)
        else:
            record = measure(figure, request, status.update)
        status.update(f"{figure.name}: drawing")
        pictures = draw(figure, record, request.folder)
        file = request.folder / f"{record_name(figure.name, request.recipe)}.json"
        with wrap_write_errors(file):
            make_folder(request.folder)
            write_atomic(file, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())
        return Reproduced(record, [file, *save_figures(pictures, request.folder)])
