"""infogan figures, traverse and encode: what a run shows."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from infogan.cli.app import Data, Json, SkipBad, print_paths
from infogan.progress import console


def register(app: App) -> None:
    """Adds the verbs."""
    for verb in (figures, traverse, encode):
        app.command(verb)


def figures(
    run: Path,
    /,
    *,
    baseline: Annotated[Path | None, Parameter(help="A run to draw beside it in Fig. 1.")] = None,
    data: Data = None,
    skip_bad: SkipBad = False,
    json: Json = False,
) -> None:
    """Draw a run: L_I over updates, every code moved, confusion table, codes against factors (Figs. 1-6)."""
    from infogan.data import Reading, splits_of
    from infogan.figures import make_figures, save_figures
    from infogan.run import Run

    opened = Run.open(run)
    name, reading = opened.config.images, Reading(data, skip_bad)
    images = opened.images(splits_of(name, reading)[-1], reading)
    with console().status("drawing"):
        other = Run.open(baseline) if baseline else None
        paths = save_figures(make_figures(opened, opened.model(), images, other), opened.figures)
    print_paths(paths, json)


def traverse(
    run: Path,
    /,
    *,
    code: Annotated[str, Parameter(help="The code that moves: c1, or 1.")],
    low: Annotated[float, Parameter(name="--from", help="Where a continuous code begins.")] = -2.0,
    high: Annotated[float, Parameter(name="--to", help="Where it ends.")] = 2.0,
    steps: Annotated[int, Parameter(help="Its values; a discrete code takes all it has.")] = 10,
    rows: Annotated[int, Parameter(help="Rows, each with z and other codes of its own.")] = 5,
    seed: int = 0,
    out: Annotated[
        Path | None, Parameter(name=["--out", "-o"], help="A picture's file; else in RUN/figures.")
    ] = None,
    json: Json = False,
) -> None:
    """Move one code and hold all else: a picture, a row a random z, a column a value."""
    from infogan.run import Run
    from infogan.traverse import find_code, save_tiles
    from infogan.traverse import traverse as move

    opened = Run.open(run)
    model = opened.model()
    i = find_code(model, code)
    moved = move(model, i, rows=rows, steps=steps, low=low, high=high, seed=seed)
    path = out or opened.figures / f"traverse_{model.latent.names[i]}.png"
    save_tiles(moved, path)
    print_paths([path], json)


def encode(
    run: Path,
    images: Annotated[str, Parameter(help="mnist:test, a .npy or .npz, a picture, or a folder.")],
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"], help="A .parquet or .csv.")],
    data: Data = None,
    skip_bad: SkipBad = False,
    json: Json = False,
) -> None:
    """Read the codes off images: a row an image, for each code its value and its spread."""
    from infogan.data import Reading, load
    from infogan.run import Run, fit
    from infogan.table import check_target, write_codes

    opened = Run.open(run)
    check_target(out)
    model = opened.model()
    loaded = load(images, reading=fit(Reading(data, skip_bad), opened.config))
    write_codes(out, model, loaded)
    print_paths([out], json)
