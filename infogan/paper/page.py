"""docs/results/paper.md: what the records say, in Markdown."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infogan.paper.experiments import FIGURES, Recipe
from infogan.paper.states import (
    CHOICES,
    MEANINGS,
    ONLY,
    Choice,
    Record,
    describe,
    list_items,
    n_found,
    record_name,
)

RECIPES: dict[Recipe, str] = {
    "ours": "presets that work best here",
    "paper": "the paper's own presets",
}
HEAD = """\
# The paper, table by table and figure by figure

`infogan paper` prints these states; `infogan paper fig3` trains, measures and draws one figure. This page is
written by `python benchmarks/paper_page.py` from the records in `benchmarks/records/paper/NAME.json`.
"""
RULES = """\
**How it is measured.** A reader that was trained on real images with their labels or factors judges the
generated ones. Nothing of it reaches training, or the choice without labels. A row has its own z and other
codes; 100 rows are measured, of which the pictures show the first five. A factor *moves* by the distance
between both ends of a row, the median over rows, in units of its real range: from the 5th to the 95th
percentile of real images as the reader reads them; of an angle a whole turn; of an attribute, whose
probability is read, 1. The columns of a category are in the order of the factor in 100 other rows. A code
*finds* a factor if it moves it by at least half of the range, in the same direction in 90 % of the rows, and
further than any other factor. Of a regular GAN, whose codes should mean nothing, a seed counts if fewer than
half of the images show the digit of their column. The best seed is the one whose factor moves furthest beyond
the next.
"""
MAX_FACTORS = 12  # rows of a table of factors


def write_page(records: Mapping[str, Record], pictures: Mapping[str, str]) -> str:
    """The page.

    Args:
        pictures: name of a figure, such as fig3-middle -> its path from the page.
    """
    return "\n".join(_lines(records, pictures)) + "\n"


def _lines(records: Mapping[str, Record], pictures: Mapping[str, str]) -> Iterator[str]:
    yield from HEAD.splitlines()
    yield ""
    yield from (f"- **{state}**: {meaning}." for state, meaning in MEANINGS.items())
    yield ""
    yield "| | | ours | paper's preset | measured with ours |"
    yield "|---|---|---|---|---|"
    for ours, theirs in zip(list_items(records, "ours"), list_items(records, "paper"), strict=True):
        yield f"| {ours.name} | {ours.title} | {ours.state} | {theirs.state} | {_in_cell(ours.why)} |"
    yield ""
    yield from RULES.splitlines()
    yield ""
    for figure in FIGURES.values():
        for recipe, meaning in RECIPES.items():
            name = record_name(figure.name, recipe)
            if name in records:
                yield f"## {name}: {figure.title}, {meaning}"
                yield ""
                yield from _of_record(name, records[name], pictures)


def _of_record(name: str, record: Record, pictures: Mapping[str, str]) -> Iterator[str]:
    recipe = "" if record["recipe"] == "ours" else f" --recipe {record['recipe']}"
    presets = record["presets"]
    seeds = sorted(run["seed"] for run in next(iter(presets.values()))["runs"].values())
    first = "" if seeds[0] == 0 else f" --seed {seeds[0]}"
    yield f"    infogan paper {record['figure']}{recipe} --seeds {len(seeds)}{first}"
    yield ""
    if record["figure"] == "fig1":
        yield from _bounds(record)
    else:
        yield from _panels(record)
        yield from _readers(record)
        yield from _read(record)
    yield from _runs(record)
    for choice in _choices(record).values():
        if path := pictures.get(name + choice.suffix):
            caption = (
                choice.meaning if record["figure"] != "fig1" else "median over the seeds, and their range"
            )
            yield f"![{name}: {caption}]({path})"
            yield ""


def _in_cell(text: str) -> str:
    return text.replace("|", "\\|")


def _choices(record: Record) -> Mapping[str, Choice]:
    """Those that say something: of one seed there is no choice."""
    presets = record["presets"].values()
    return CHOICES if max(len(preset["runs"]) for preset in presets) > 1 else ONLY


def _bounds(record: Record) -> Iterator[str]:
    yield "| run | L_I of c1 over the last tenth of the steps, nats |"
    yield "|---|---|"
    for panel in record["panels"].values():
        for run, found in panel["runs"].items():
            yield f"| {panel['title']}: {run} | {found['last']:.3f} of {record['H_c']:.3f} |"
    yield ""


def _panels(record: Record) -> Iterator[str]:
    yield "| panel | chosen | run | shown | found in |"
    yield "|---|---|---|---|---|"
    for letter, panel in record["panels"].items():
        for key, choice in _choices(record).items():
            run = panel[key]
            if run is None:
                continue
            effect = panel["effects"][run]
            found = "" if effect["found"] else "**not found**: "
            text = _in_cell(describe(record, letter, run))
            shown = f"{found}{text} | {n_found(panel)} seeds"
            yield f"| {letter}, {panel['title']} | {choice.meaning} | {run} | {shown} |"
    yield ""


def _readers(record: Record) -> Iterator[str]:
    if not record["reader"]:
        return
    images = record["images"]
    yield (
        f"The reader, on {images['held_out']:,} real images of {images['name']} that it did not learn from "
        f"({images['train']:,} in the other part):"
    )
    yield ""
    yield "| read | measure | value | by chance |"
    yield "|---|---|---|---|"
    best_read = sorted(
        record["reader"], key=lambda name: record["reader"][name]["chance"] - record["reader"][name]["value"]
    )
    for name in _most_telling(record, best_read):
        quality = record["reader"][name]
        yield f"| {name} | {quality['measure']} | {quality['value']:.3f} | {quality['chance']:.3f} |"
    yield ""


def _read(record: Record) -> Iterator[str]:
    """What Q reads off real images, the median and the best of the runs, beside the baselines."""
    methods: Mapping[str, Mapping[str, Any]] = record["read"]
    if not methods:
        return
    yield "What follows each factor best on the same real images: |Spearman's rho| of two numbers, else as"
    yield "[metrics.md](../reference/metrics.md) says; the median over the runs, and the best."
    yield ""
    yield "| factor | " + " | ".join(methods) + " |"
    yield "|---" * (len(methods) + 1) + "|"
    first = next(iter(next(iter(methods.values())).values()))
    for factor in _most_telling(record, sorted(first, key=lambda factor: -first[factor][1])):
        cells = []
        for runs in methods.values():
            found = sorted((of[factor][1], of[factor][0]) for of in runs.values() if factor in of)
            value, code = found[-1]
            middle = found[(len(found) - 1) // 2][0]
            cells.append(
                f"{middle:.3f}, best {value:.3f} ({code})" if len(found) > 1 else f"{value:.3f} ({code})"
            )
        yield f"| {factor} | " + " | ".join(cells) + " |"
    yield ""


def _most_telling(record: Record, ranked: Sequence[str]) -> list[str]:
    """The factors that the panels are about, then the first others, up to MAX_FACTORS."""
    named = {effect["factor"] for panel in record["panels"].values() for effect in panel["effects"].values()}
    return sorted(ranked, key=lambda name: name not in named)[:MAX_FACTORS]


def _runs(record: Record) -> Iterator[str]:
    for preset, found in record["presets"].items():
        runs = found["runs"].values()
        seeds = ", ".join(str(run["seed"]) for run in runs)
        commits = ", ".join(sorted({str(run["commit"] or "unknown") for run in runs}))
        devices = ", ".join(sorted({f"{run['device']} in {run['precision']}" for run in runs}))
        different = ", ".join(
            f"{name} {here} instead of {there}" for name, (there, here) in found["differences"].items()
        )
        against = f" Differs from `{found['paper_preset']}`: {different}." if different else ""
        yield f"- `{preset}`: seeds {seeds}; commit {commits}; {devices}.{against}"
    yield f"- measured at commit {record['environment']['commit'] or 'unknown'}"
    yield ""
