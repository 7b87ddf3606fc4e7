"""The page about a sweep: the distribution of every score for each setting, and the best run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, final

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from infogan.config import to_text
from infogan.evaluation import strongest_codes
from infogan.evaluation.control.scores import CONTROL_SCORES
from infogan.report.charts import Tick, nice_ticks
from infogan.report.inline_images import InlineImage, inline_grid
from infogan.report.render import HERE, save_page
from infogan.runs.run import Run
from infogan.scale.sweep.best import CRITERION, DESCRIPTIONS, BestRun
from infogan.scale.sweep.results import RunResult
from infogan.scale.sweep.settings import Setting, format_setting
from infogan.utils.rng import make_rng

WIDTH = 300  # of a strip plot, in CSS pixels
SAMPLE_GRID = (4, 12)  # rows and columns of samples of the best run
# Prefixes of scores that need no labels.
LABEL_FREE = ("info_bound_", "recovery_", "stability_", *(f"{name}_" for name in CONTROL_SCORES))

Values = dict[str, float | None]  # run -> value of a score


class Dot(NamedTuple):
    """A run in a strip plot."""

    x: float
    y: float
    title: str


class Strip(NamedTuple):
    """The runs of one setting in a strip plot."""

    label: str
    dots: list[Dot]
    median_x: float
    median: str
    range: str


class StripPlot(NamedTuple):
    """One score of all runs: one strip per setting, on one axis."""

    title: str
    description: str
    strips: list[Strip]
    ticks: list[Tick]


@final
@dataclass(frozen=True)
class Group:
    """The runs of one setting."""

    setting: Setting
    label: str
    results: list[RunResult]

    def count(self, status: str) -> int:
        return sum(result.status == status for result in self.results)


def write_page(path: Path, name: str, results: Sequence[RunResult], best: BestRun) -> None:
    """Writes one HTML file that needs no network.

    Raises:
        InfoganError: if it cannot be written.
    """
    environment = Environment(
        loader=FileSystemLoader([Path(__file__).parent, HERE]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["to_text"] = to_text
    save_page(environment.get_template("sweep.html").render(_context(name, results, best)), path)


def _context(name: str, results: Sequence[RunResult], best: BestRun) -> dict[str, Any]:
    """The variables of the template."""
    groups = _group_by_setting(name, results)
    best_result = next((result for result in results if result.name == best.run), None)
    labelled, label_free = _scores(results)
    selection = {
        key: {result.name: best.score(result.name, key) for result in results} for key in best.score_names
    }
    return {
        "name": name,
        "results": results,
        "groups": groups,
        "fields": list(groups[0].setting),
        "counts": {
            status: sum(group.count(status) for group in groups)
            for status in ("done", "collapsed", "failed", "stopped")
        },
        "best": best,
        "best_result": best_result,
        "samples": _samples(best_result) if best_result else None,
        "criterion": CRITERION,
        "descriptions": DESCRIPTIONS,
        "spread": {
            group.label: _median_and_range([best.score(result.name, CRITERION) for result in group.results])
            for group in groups
        },
        "selection": [_strip_plot(key, DESCRIPTIONS[key], groups, of) for key, of in selection.items()],
        "label_free": [_strip_plot(*key, groups, of) for key, of in label_free.items()],
        "labelled": [_strip_plot(*key, groups, of) for key, of in labelled.items()],
    }


def _group_by_setting(name: str, results: Sequence[RunResult]) -> list[Group]:
    groups: list[Group] = []
    for result in results:
        setting = result.trial.setting
        group = next((group for group in groups if group.setting == setting), None)
        if group is None:
            group = Group(setting, format_setting(setting) or name, [])
            groups.append(group)
        group.results.append(result)
    return groups


Scores = dict[tuple[str, str], Values]  # (title, protocol) -> values


def _scores(results: Sequence[RunResult]) -> tuple[Scores, Scores]:
    """The scores that use labels, and those that do not; per factor only the strongest association."""
    labelled: Scores = {}
    label_free: Scores = {}
    for result in results:
        for split, scores in (result.evaluation or {}).items():
            named = {name: s for name, s in scores.items() if not name.startswith("association_")}
            named |= {
                f"{found['code']} with {factor}"[3:]: found["score"]
                for factor, found in strongest_codes(scores).items()
            }
            for name, score in named.items():
                table, title = label_free if name.startswith(LABEL_FREE) else labelled, f"{split}: {name}"
                protocol = next((known for other, known in table if other == title), score["protocol"])
                table.setdefault((title, protocol), {})[result.name] = score["value"]
    return labelled, label_free


def _strip_plot(
    title: str, description: str, groups: Sequence[Group], values: Mapping[str, float | None]
) -> StripPlot:
    known = [value for value in values.values() if value is not None]
    margin = 0.06 * (max(known) - min(known)) or 0.5
    low, high = min(known) - margin, max(known) + margin

    def to_x(value: float) -> float:
        return round((value - low) / (high - low) * WIDTH, 1)

    strips = []
    for group in groups:
        found = [(result.name, values.get(result.name)) for result in group.results]
        present = [(run, value) for run, value in found if value is not None]
        dots = [
            Dot(to_x(value), 9 + 2.5 * (i % 3 - 1), f"{run}: {value:.4f}")
            for i, (run, value) in enumerate(present)
        ]
        middle = to_x(median(value for _, value in present)) if present else 0.0
        strips.append(Strip(group.label, dots, middle, *_median_and_range([value for _, value in found])))
    ticks = [Tick(to_x(t), f"{t:,.10g}") for t in nice_ticks(low, high, 4)]
    return StripPlot(title.replace("_", " "), description, strips, ticks)


def _median_and_range(values: Sequence[float | None]) -> tuple[str, str]:
    known = [value for value in values if value is not None]
    if not known:
        return "", ""
    return f"{median(known):.3f}", f"{min(known):.3f} to {max(known):.3f}"


def _samples(result: RunResult) -> InlineImage | None:
    """Images generated by a run; None for vectors."""
    if result.trial.config.networks.architecture == "vectors":
        return None
    n = int(np.prod(SAMPLE_GRID))
    x = Run.open(result.trial.path).model().sample(n, make_rng(0, "samples"))
    return inline_grid(x.reshape(*SAMPLE_GRID, *x.shape[1:]), f"{n} random samples of {result.name}")
