"""The page about a sweep: how every score is distributed for each setting, and the run to go on with."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from infogan.config import to_text
from infogan.evaluation import strongest_codes
from infogan.report.curves import Tick, nice_ticks
from infogan.report.pictures import Picture, sheet
from infogan.report.render import HERE, save_page
from infogan.runs.run import Run
from infogan.scale.sweep.best import BY, MEANING, Choice
from infogan.scale.sweep.results import Row
from infogan.scale.sweep.settings import Setting, say_setting
from infogan.utils.rng import make_rng

WIDTH = 300  # of a strip, in CSS pixels
SAMPLES = (4, 12)  # rows and columns of the best run's
WITHOUT_LABELS = ("info_bound_", "recovery_", "stability_")


class Dot(NamedTuple):
    at: float  # from the left
    down: float
    title: str


class Line(NamedTuple):
    """The runs of one setting on one score."""

    label: str
    dots: list[Dot]
    middle: float  # where the median is, from the left
    median: str
    range: str


class Strip(NamedTuple):
    """One score: a line of dots for each setting, on one scale."""

    title: str
    about: str
    lines: list[Line]
    ticks: list[Tick]


class Group(NamedTuple):
    """The runs of one setting."""

    setting: Setting
    label: str
    rows: list[Row]

    def count(self, status: str) -> int:
        return sum(row.status == status for row in self.rows)


def write_page(path: Path, name: str, rows: Sequence[Row], choice: Choice) -> None:
    """One HTML file that asks the network for nothing.

    Raises:
        InfoganError: where it cannot be written.
    """
    environment = Environment(
        loader=FileSystemLoader([Path(__file__).parent, HERE]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["to_text"] = to_text
    save_page(environment.get_template("sweep.html").render(_context(name, rows, choice)), path)


def _context(name: str, rows: Sequence[Row], choice: Choice) -> dict[str, Any]:
    """What the template is given, by name."""
    groups = _groups(name, rows)
    chosen = next((row for row in rows if row.name == choice.run), None)
    with_labels, without = _scores(rows)
    by_choice = {key: {row.name: choice.of(row.name, key) for row in rows} for key in choice.names}
    return {
        "name": name,
        "rows": rows,
        "groups": groups,
        "fields": list(groups[0].setting),
        "counts": {
            status: sum(row.status == status for row in rows)
            for status in ("done", "collapsed", "failed", "stopped")
        },
        "choice": choice,
        "chosen": chosen,
        "samples": _samples(chosen) if chosen else None,
        "by": BY,
        "meaning": MEANING,
        "ranks": {group.label: _told([choice.of(row.name, BY) for row in group.rows]) for group in groups},
        "chosen_by": [_strip(key, MEANING[key], groups, of) for key, of in by_choice.items()],
        "without": [_strip(key, about, groups, of) for (key, about), of in without.items()],
        "with_labels": [_strip(key, about, groups, of) for (key, about), of in with_labels.items()],
    }


def _groups(name: str, rows: Sequence[Row]) -> list[Group]:
    """The runs by their setting, in the order of the first of each."""
    groups: list[Group] = []
    for row in rows:
        label = say_setting(row.trial.setting) or name
        group = next((group for group in groups if group.setting == row.trial.setting), None)
        if group is None:
            group = Group(row.trial.setting, label, [])
            groups.append(group)
        group.rows.append(row)
    return groups


Scores = dict[tuple[str, str], dict[str, float | None]]  # (score, how it was taken) -> run -> value


def _scores(rows: Sequence[Row]) -> tuple[Scores, Scores]:
    """What takes labels, and what takes none; of the associations of a factor the strongest alone."""
    with_labels: Scores = {}
    without: Scores = {}
    for row in rows:
        for split, scores in (row.evaluation or {}).items():
            told = {name: s for name, s in scores.items() if not name.startswith("association_")}
            told |= {
                f"{found['code']} with {factor}"[3:]: found["score"]
                for factor, found in strongest_codes(scores).items()
            }
            for name, score in told.items():
                of = without if name.startswith(WITHOUT_LABELS) else with_labels
                how = next((about for title, about in of if title == f"{split}: {name}"), score["protocol"])
                of.setdefault((f"{split}: {name}", how), {})[row.name] = score["value"]
    return with_labels, without


def _strip(title: str, about: str, groups: Sequence[Group], values: Mapping[str, float | None]) -> Strip:
    """A score of the runs that have it."""
    known = [value for value in values.values() if value is not None]
    low, high = min(known), max(known)
    margin = 0.06 * (high - low) or 0.5
    low, high = low - margin, high + margin

    def across(value: float) -> float:
        return round((value - low) / (high - low) * WIDTH, 1)

    lines = []
    for group in groups:
        of = {row.name: values.get(row.name) for row in group.rows}
        has = {run: value for run, value in of.items() if value is not None}
        dots = [
            Dot(across(value), 9 + 2.5 * (i % 3 - 1), f"{run}: {value:.4f}")
            for i, (run, value) in enumerate(has.items())
        ]
        middle, span = _told(list(of.values()))
        lines.append(Line(group.label, dots, across(median(has.values())) if has else 0.0, middle, span))
    ticks = [Tick(across(t), f"{t:,.10g}") for t in nice_ticks(low, high, 4)]
    return Strip(title.replace("_", " "), about, lines, ticks)


def _told(values: Sequence[float | None]) -> tuple[str, str]:
    """The median and the range, for people."""
    known = [value for value in values if value is not None]
    if not known:
        return "", ""
    return f"{median(known):.3f}", f"{min(known):.3f} to {max(known):.3f}"


def _samples(row: Row) -> Picture | None:
    """Images that the run makes, drawn at random; none of vectors."""
    model = Run.open(row.trial.path).model()
    if row.trial.config.networks.architecture == "vectors":
        return None
    n = int(np.prod(SAMPLES))
    x = model.sample(n, make_rng(0, "samples"))
    return sheet(x.reshape(*SAMPLES, *x.shape[1:]), f"{n} images that {row.name} makes, drawn at random")
