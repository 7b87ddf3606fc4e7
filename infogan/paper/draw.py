"""The pictures of a figure, in the paper's layout, from its record and its runs."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from infogan.figures.panels import Curves, PanelPicture, plot_bands, plot_panels
from infogan.figures.traversal import code_index
from infogan.paper.effects import N_COLUMNS, N_ROWS, draw_rows
from infogan.paper.experiments import Figure
from infogan.paper.states import CHOICES, Record, describe, record_name
from infogan.runs.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

N_SHOWN = 5  # rows


def draw(figure: Figure, record: Record, folder: Path) -> "dict[str, Drawing]":
    """The figure with the best of the seeds, with the middle one, and with the one chosen without labels.

    Panels whose run could not be chosen without labels, as there is only one, are left out of the last.

    Args:
        folder: of the runs.
    """
    name = record_name(figure.name, record["recipe"])
    if figure.name == "fig1":
        return {name: draw_bounds(record)}
    drawn = {}
    for key, choice in CHOICES.items():
        panels = [
            _panel(figure, record, letter, panel[key], folder)
            for letter, panel in record["panels"].items()
            if panel[key] is not None
        ]
        if panels:
            drawn[name + choice.suffix] = plot_panels(panels)
    return drawn


def draw_bounds(record: Record) -> "Drawing":
    """Fig. 1: L_I of c1 with and without the term, as bands over the seeds."""
    curves = {}
    for panel in record["panels"].values():
        runs = list(panel["runs"].values())
        shared = min(len(run["steps"]) for run in runs)
        values = np.array([run["L_I"][:shared] for run in runs], dtype=float)
        curves[panel["title"]] = Curves(runs[0]["steps"][:shared], values)
    return plot_bands(curves, "$L_I$ of c1, nats", record["H_c"])


def _panel(figure: Figure, record: Record, letter: str, run: str, folder: Path) -> PanelPicture:
    panel = record["panels"][letter]
    effect = panel["effects"][run]
    model = Run.open(folder / run).model()
    code, columns = code_index(model, effect["code"]), effect["columns"]
    # As many rows as were measured, so that the first of them are those that were measured.
    images = draw_rows(model, code, figure.limit, N_ROWS if columns is None else 2 * N_ROWS)[:N_SHOWN]
    if columns is None:
        ticks = [f"{v:.1f}" for v in np.linspace(-figure.limit, figure.limit, N_COLUMNS)]
    else:
        images, ticks = images[:, columns], [str(k) for k in columns]
        if panel["measure"] == "digits":
            ticks = [str(digit) for digit in range(len(columns))]
    text = describe(record, letter, run)
    found = "" if effect["found"] else " Not found:"
    caption = f"({letter}) {panel['title']}.{found} {text} ({run})"
    return PanelPicture(images, ticks, caption.replace(" %", "\u00a0%"))
