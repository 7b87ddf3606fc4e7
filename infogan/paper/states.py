"""How what was measured compares with what the paper shows: reproduced, better, worse, or not run."""

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from infogan.paper.experiments import FIGURES, Recipe
from infogan.utils.environment import PACKAGE
from infogan.utils.io import wrap_read_errors

State = Literal["reproduced", "better", "worse", "not run"]
Record = Mapping[str, Any]

PUBLISHED = PACKAGE.parent / "benchmarks" / "records" / "paper"  # in a checkout
COST = PUBLISHED.parent / "information_cost.json"
MEANINGS: dict[State, str] = {
    "reproduced": "the best of the seeds shows it, chosen with labels, as the paper chose",
    "better": "the seed in the middle of at least three shows it too",
    "worse": "no seed shows it",
    "not run": "there is no record yet",
}


class Choice(NamedTuple):
    """A way to choose the run that a figure shows."""

    suffix: str  # of the picture's file
    meaning: str


CHOICES = {  # by their keys in records
    "best": Choice("", "best of the seeds, chosen with labels as in the paper"),
    "middle": Choice("-middle", "seed in the middle"),
    "unlabelled": Choice("-unlabelled", "chosen without labels"),
}
ONLY = {"best": Choice("", "the only seed")}
ENOUGH = 3  # seeds from which on the one in the middle says something
FULL, LITTLE = 0.95, 0.1  # of H(c1): what L_I reaches, and what it stays below without the term (Fig. 1)
PAPER_ERROR = 0.05  # Sec. 7.2
NO_COST = 1.1  # times the time per step
TABLES = {
    "table1": "networks for MNIST",
    "table2": "networks for SVHN",
    "table3": "networks for CelebA",
    "table4": "networks for faces",
    "table5": "learning rates and λ for faces",
    "table6": "networks for chairs",
    "table7": "λ for chairs",
}


class Item(NamedTuple):
    """A table, a panel of a figure, or a claim."""

    name: str
    title: str
    state: State
    why: str


def read_records(folders: Sequence[Path]) -> dict[str, Record]:
    """The records in these folders by the name of their file; those of later folders take precedence.

    Raises:
        InfoganError: if one is damaged.
    """
    found: dict[str, Record] = {}
    for folder in folders:
        for file in sorted(folder.glob("fig*.json")):
            with wrap_read_errors(file, "measure it again, or remove it."):
                found[file.stem] = json.loads(file.read_text("utf-8"))
    return found


def record_name(figure: str, recipe: Recipe) -> str:
    """The name of a record's file, without its ending: fig3, or fig3-paper for the paper's own recipe."""
    return figure if recipe == "ours" else f"{figure}-{recipe}"


def list_items(records: Mapping[str, Record], recipe: Recipe) -> Iterator[Item]:
    """Every table, panel and claim with its state."""
    for name, title in TABLES.items():
        yield Item(name, title, "reproduced", "line by line, by tests/test_paper.py")
    for name, figure in FIGURES.items():
        record = records.get(record_name(name, recipe))
        if name == "fig1":
            yield Item(name, figure.title, *_of_bounds(record))
            continue
        for panel in figure.panels:
            yield Item(
                name + panel.letter, f"{figure.title}: {panel.title}", *_of_panel(record, panel.letter)
            )
    digits = records.get(record_name("fig2", recipe))
    yield Item("sec6", "InfoGAN adds a negligible cost to GAN", *_of_cost())
    yield Item(
        "sec7.1", "L_I is maximised to H(c) = 2.30", *_of_bounds(records.get(record_name("fig1", recipe)))
    )
    yield Item("sec7.2", "5 % error of c1 as a classifier of MNIST", *_of_error(digits))


def describe(record: Record, letter: str, run: str) -> str:
    """What the rows of a panel show in one run, in words, and how good the reader is that says so."""
    panel = record["panels"][letter]
    effect, measure = panel["effects"][run], panel["measure"]
    code, moves, same = effect["code"], effect["moves"], effect["same_direction"]
    kept = effect["unchanged"]
    stays = (
        f"; the label stays in {_percent(kept[0])} of the moves ({_percent(kept[1])} by chance)"
        if kept
        else ""
    )
    if measure in ("digits", "unclear"):
        return (
            f"{code}: {100 * (1 - moves):.1f} % error on real images; "
            f"{_percent(same)} of the generated images show the digit of their column"
        )
    if measure == "context":
        middle = effect["others"]["middle"]
        return (
            f"{code} changes the sides by {moves:.2f}, the middle by {middle:.2f} of a real difference{stays}"
        )
    others = sorted(effect["others"].items(), key=lambda other: -other[1])[:1]
    next_most = "".join(f"; next most, {_in_words(name)}: {value:.2f}" for name, value in others)
    reader = record["reader"].get(effect["factor"])
    read = ""
    if reader:
        read = f" (read with {reader['measure']} {reader['value']:.2f}, {reader['chance']:.2f} by chance)"
    return (
        f"{code} moves {_in_words(effect['factor'])}{read} by {moves:.2f} of its real range, one way in "
        f"{_percent(same)} of the rows{next_most}{stays}"
    )


def n_found(panel: Mapping[str, Any]) -> str:
    """In how many of the seeds a panel is found: 3 of 5."""
    found = [effect["found"] for effect in panel["effects"].values()]
    return f"{sum(found)} of {len(found)}"


def _of_panel(record: Record | None, letter: str) -> tuple[State, str]:
    if record is None:
        return "not run", MEANINGS["not run"]
    panel = record["panels"].get(letter)
    if panel is None:
        return "not run", "the images have no labels or factors that show it"
    effects = panel["effects"]
    best, middle = effects[panel["best"]], effects[panel["middle"]]
    why = f"{describe(record, letter, panel['best'])}; found in {n_found(panel)} seeds"
    if not best["found"]:
        return "worse", why
    return ("better" if middle["found"] and len(effects) >= ENOUGH else "reproduced"), why


def _of_bounds(record: Record | None) -> tuple[State, str]:
    if record is None:
        return "not run", MEANINGS["not run"]
    with_term, without = (
        [run["last"] for run in record["panels"][letter]["runs"].values()] for letter in ("a", "b")
    )
    H_c = record["H_c"]
    why = (
        f"L_I of c1 ends at {_spread(with_term)} of {H_c:.2f} nats, and without the term at "
        f"{_spread(without)}; {len(with_term)} seeds"
    )
    reached = statistics.median(with_term) >= FULL * H_c and statistics.median(without) <= LITTLE * H_c
    return ("reproduced" if reached else "worse"), why


def _of_error(record: Record | None) -> tuple[State, str]:
    panel = record and record["panels"].get("a")
    if not panel:
        return "not run", MEANINGS["not run"]
    errors = [1 - effect["moves"] for effect in panel["effects"].values()]
    why = f"{_spread([100 * error for error in errors])} % on test images; {len(errors)} seeds"
    if min(errors) > PAPER_ERROR:
        return "worse", why
    is_better = statistics.median(errors) < PAPER_ERROR and len(errors) >= ENOUGH
    return ("better" if is_better else "reproduced"), why


def _of_cost() -> tuple[State, str]:
    if not COST.is_file():
        return "not run", MEANINGS["not run"]
    with wrap_read_errors(COST):
        ratio = json.loads(COST.read_text("utf-8"))["ratio"]
    why = f"{ratio['median']:.3f} ({ratio['low']:.3f} to {ratio['high']:.3f}) times the step without Q"
    return ("reproduced" if ratio["median"] <= NO_COST else "worse"), why


def _spread(values: Sequence[float]) -> str:
    """The median and the range."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def _percent(share: float) -> str:
    return f"{round(100 * share)} %"


def _in_words(name: str) -> str:
    return name.replace("_", " ").lower()
