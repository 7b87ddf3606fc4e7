"""infogan figures and traverse."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from infogan.cli.options import Data, Json, print_paths, say
from infogan.utils.errors import InfoganError
from infogan.utils.progress import console

if TYPE_CHECKING:
    from infogan.runs.run import Run


def figures(
    run: Annotated[Path, Parameter(help="A run, or a preset whose model ships with the package.")],
    /,
    *,
    baseline: Annotated[Path | None, Parameter(help="A run to plot next to it in Fig. 1.")] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Plot a run: L_I over steps, traversals, confusion table, codes against factors (Figs. 1-6)."""
    from infogan.data import LoadOptions, available_splits
    from infogan.figures.paper import make_figures, save_figures
    from infogan.runs.find import open_run_or_shipped
    from infogan.runs.run import Run

    opened = open_run_or_shipped(run, say)
    name, load_options = opened.config.data.images, LoadOptions(data)
    images = None
    try:
        images = opened.images(available_splits(name, load_options)[-1], load_options)
    except InfoganError as error:
        if opened.path == run:
            raise
        say(f"{error} What needs real images is left out.")
    with console().status("drawing"):
        other = Run.open(baseline) if baseline else None
        paths = save_figures(make_figures(opened, opened.model(), images, other), _folder(run, opened))
    print_paths(paths, json)


def traverse(
    run: Annotated[Path, Parameter(help="A run, or a preset whose model ships with the package.")],
    /,
    *,
    code: Annotated[str, Parameter(help="The code to vary: c1, or 1.")],
    low: Annotated[float, Parameter(name="--from", help="The first value of a continuous code.")] = -2.0,
    high: Annotated[float, Parameter(name="--to", help="The last value.")] = 2.0,
    steps: Annotated[int, Parameter(help="Number of values; a discrete code shows all its categories.")] = 10,
    rows: Annotated[int, Parameter(help="Number of rows, each with its own random z and other codes.")] = 5,
    seed: int = 0,
    out: Annotated[
        Path | None, Parameter(name=["--out", "-o"], help="The picture file; default: in RUN/figures.")
    ] = None,
    json: Json = False,
) -> None:
    """Vary one code and fix the rest: a picture with one row per random z and one column per value."""
    from infogan.figures.traversal import code_index, save_grid
    from infogan.figures.traversal import traverse as make_traversal
    from infogan.runs.find import open_run_or_shipped

    opened = open_run_or_shipped(run, say)
    model = opened.model()
    i = code_index(model, code)
    traversal = make_traversal(model, i, rows=rows, steps=steps, low=low, high=high, seed=seed)
    path = out or _folder(run, opened) / f"traverse_{model.latent.names[i]}.png"
    save_grid(traversal.images, path)
    print_paths([path], json)


def _folder(run: Path, opened: "Run") -> Path:
    """Where pictures go: not into the package."""
    return opened.figures if opened.path == run else Path("runs") / f"shipped-{run}" / "figures"
