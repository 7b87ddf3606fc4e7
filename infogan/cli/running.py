"""infogan figures, traverse and encode: what a run shows."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from infogan.cli.app import Data, Json, SkipBad, print_paths
from infogan.utils.errors import InfoganError
from infogan.utils.progress import console, progress

if TYPE_CHECKING:
    from infogan.data import LoadOptions
    from infogan.runs.run import Run


def register(app: App, *, show_all: bool) -> None:
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
    from infogan.data import LoadOptions, available_splits
    from infogan.figures.paper import make_figures, save_figures
    from infogan.runs.run import Run

    opened = Run.open(run)
    name, load_options = opened.config.data.images, LoadOptions(data, skip_bad)
    images = opened.images(available_splits(name, load_options)[-1], load_options)
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
    from infogan.figures.traversal import code_index, save_grid
    from infogan.figures.traversal import traverse as move
    from infogan.runs.run import Run

    opened = Run.open(run)
    model = opened.model()
    i = code_index(model, code)
    moved = move(model, i, rows=rows, steps=steps, low=low, high=high, seed=seed)
    path = out or opened.figures / f"traverse_{model.latent.names[i]}.png"
    save_grid(moved.images, path)
    print_paths([path], json)


def encode(
    run: Path,
    images: Annotated[str, Parameter(help="mnist:test, a .npy or .npz, a picture, a folder, or shards.")],
    /,
    *,
    out: Annotated[
        str,
        Parameter(name=["--out", "-o"], help="A .parquet or .csv; or a folder, OUT/, for Parquet in parts."),
    ],
    ray: Annotated[
        str | None,
        Parameter(
            help="A Ray cluster that writes OUT/: its HOST:PORT; auto, that of this machine; or local."
        ),
    ] = None,
    cpus: Annotated[int, Parameter(help="Cores that each process takes, on Ray.")] = 1,
    gpus: Annotated[float, Parameter(help="GPUs that each process takes, or its share of one.")] = 0,
    data: Data = None,
    skip_bad: SkipBad = False,
    json: Json = False,
) -> None:
    """Read the codes off images: a row an image, for each code its value and its spread.

    A folder is filled part by part, and the same command goes on with one that is not full.
    """
    from infogan.data import LoadOptions, load
    from infogan.runs.run import Run, load_options_for
    from infogan.scale.encoding.table import check_target, write_codes

    opened, target, load_options = Run.open(run), Path(out), LoadOptions(data, skip_bad)
    if out.endswith(("/", os.sep)) or target.is_dir() or not target.suffix:
        _encode_parts(opened, images, load_options, target, ray, cpus, gpus)
    elif ray is None:
        check_target(target)
        model = opened.model()
        write_codes(target, model, load(images, load_options=load_options_for(opened.config, load_options)))
    else:
        raise InfoganError(f"--ray writes a folder, and {out} is a file; name a folder by -o OUT/.")
    print_paths([target], json)


def _encode_parts(
    run: "Run", name: str, load_options: "LoadOptions", folder: Path, ray: str | None, cpus: int, gpus: float
) -> None:
    from infogan.data import absolute_name, load
    from infogan.runs.run import load_options_for
    from infogan.scale.encoding.encode import encode, plan_of
    from infogan.scale.encoding.parts import look

    look(folder)  # before what takes long
    with ExitStack() as stack:
        if ray is not None:
            from infogan.scale.encoding.ray import encode_on_ray
            from infogan.scale.ray import connect, places, require_shared, require_sizes

            require_sizes(cpus, gpus)
            stack.enter_context(connect(ray))
        model = run.model()
        images = load(name, load_options=load_options_for(run.config, load_options))
        plan = plan_of(folder, model, run.steps, images, absolute_name(name))
        if not plan.missing():
            console().print(f"{folder} holds all {plan.images:,} images already.", highlight=False)
            return
        if ray is not None:
            places(cpus, gpus)
            require_shared(folder)
        parts = stack.enter_context(plan.claimed())
        written = (
            encode(plan, model, images, parts)
            if ray is None
            else encode_on_ray(plan, parts, model, run.config, load_options, cpus=cpus, gpus=gpus)
        )
        for _ in progress(written, f"encoding {plan.images:,} images", len(parts)):
            pass
    before = len(plan) - len(parts)
    console().print(
        f"{folder} holds all {plan.images:,} images in {len(plan)} parts, {before} of them there before.",
        highlight=False,
    )
