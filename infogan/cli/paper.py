"""infogan paper."""

import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from infogan.cli.options import Data, Json, flag, to_json
from infogan.utils.progress import console

OUT = Path("runs/paper")


def paper(
    figure: Annotated[
        str,
        Parameter(help="fig1 to fig6, or sec7.2 for fig3 to fig6; default: list all.", show_default=False),
    ] = "",
    /,
    *,
    recipe: Annotated[
        Literal["ours", "paper"], Parameter(help="The preset that works best here, or the paper's own.")
    ] = "ours",
    seeds: Annotated[int, Parameter(help="How many runs per preset.")] = 5,
    seed: Annotated[int, Parameter(help="The first seed; the others follow.")] = 0,
    out: Annotated[
        Path, Parameter(help="The folder of the runs PRESET-SEED, the record and the pictures.")
    ] = OUT,
    stacked: Annotated[bool, flag("Train the seeds as one model, for a large GPU.")] = False,
    cpus: Annotated[
        int | None, Parameter(help="Cores per run; default: the whole machine, one run at a time.")
    ] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Reproduce a figure of the paper, or list its tables, figures and claims with their state here.

    Trains the runs that are missing, then shows each panel with the best of the seeds, as the paper chose,
    with the seed in the middle, and with the one chosen without labels.
    """
    from infogan.paper.experiments import find_figures

    if not figure:
        _list(recipe, out, json)
        return
    figures = find_figures(figure)
    from infogan.data import LoadOptions
    from infogan.paper.reproduce import reproduce
    from infogan.paper.runs import Request, check
    from infogan.paper.states import list_items, record_name
    from infogan.scale.sweep import SweepOptions

    options = SweepOptions(stacked=stacked, cpus=cpus)
    request = Request(recipe, range(seed, seed + seeds), out, LoadOptions(data), options)
    for each in figures:
        check(each, request)
    files = []
    for each in figures:
        done = reproduce(each, request, console())
        if done is None:
            print("infogan: stopped, all saved; repeat the command to continue.", file=sys.stderr)
            sys.exit(130)
        files += done.files
        if not json:
            for item in list_items({record_name(each.name, recipe): done.record}, recipe):
                if item.name.startswith(each.name):
                    print(f"{item.name} {item.title}: {item.state}\n  {item.why}")
            print(*done.files, sep="\n")
    if json:
        print(to_json([str(file) for file in files]))


def _list(recipe: Literal["ours", "paper"], out: Path, as_json: bool) -> None:
    from infogan.paper.states import PUBLISHED, list_items, read_records

    items = list(list_items(read_records([PUBLISHED, out]), recipe))
    if as_json:
        print(to_json([item._asdict() for item in items]))
        return
    width, of_state = max(len(item.title) for item in items), max(len(item.state) for item in items)
    for item in items:
        print(f"{item.name:6} {item.title:{width}} {item.state:{of_state}} {item.why}")
