"""The command line: parses, calls, prints. Progress goes to standard error, results to standard output."""

import dataclasses
import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from infogan.config import Config
from infogan.errors import InfoganError
from infogan.presets import PRESETS, get_preset

if TYPE_CHECKING:
    from rich.console import Console

    from infogan.metrics import Evaluation
    from infogan.session import Outcome

EXIT = "Exit status: 0 done; 2 something about the input was wrong; 130 stopped by Ctrl-C, all saved."

app = App(
    name="infogan",
    help="Finds the factors of variation in unlabelled images and hands them over as knobs.",
    help_epilogue=EXIT,
    default_parameter=Parameter(consume_multiple=True, negative_iterable=()),
)
train = App(name="train", help="Train a preset in a new run folder, or go on with a run.")
app.command(train)

Out = Annotated[Path | None, Parameter(help="The run folder; runs/PRESET-SEED if not named.")]
Data = Annotated[Path | None, Parameter(help="The folder of MNIST's files; else INFOGAN_DATA.")]
Json = Annotated[bool, Parameter(name="--json", help="Print JSON.", negative=())]


def main() -> None:
    """The entry point. Threads that wait must not spin, which only holds if said before torch loads."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    try:
        app()
    except InfoganError as error:
        print(f"infogan: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("infogan: stopped.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)


def _console() -> "Console":
    from rich.console import Console

    return Console(stderr=True)


def _add_preset(name: str, preset: Callable[[], Config]) -> None:
    """Makes `infogan train NAME`, whose options are the fields of Config with the preset's values."""
    values = preset()
    # cyclopts takes the defaults of options from the class, so each preset needs one of its own.
    options = dataclasses.make_dataclass(
        "Options",
        [
            (f.name, f.type, dataclasses.field(default=getattr(values, f.name)))
            for f in dataclasses.fields(Config)
        ],
        bases=(Config,),
        namespace={"__module__": __name__},
        frozen=True,
        kw_only=True,
    )

    def command(
        *,
        config: Any,
        out: Out = None,
        data: Data = None,
        dry_run: Annotated[
            bool, Parameter(help="Print the whole config and do nothing.", negative=())
        ] = False,
        json: Json = False,
    ) -> None:
        chosen = Config(**dataclasses.asdict(config))
        if dry_run:
            print(chosen.to_json(), end="")
            return
        from infogan import session

        path = out or Path("runs") / f"{name}-{chosen.seed}"
        _print_outcome(session.begin(chosen, path, data, _console()), json)

    command.__annotations__["config"] = Annotated[options, Parameter(name="*")]
    command.__kwdefaults__ = {**(command.__kwdefaults__ or {}), "config": options()}
    command.__doc__ = preset.__doc__
    train.command(command, name=name)


for _name, _preset in PRESETS.items():
    _add_preset(_name, _preset)


@train.default
def resume(
    preset: Annotated[str, Parameter(show=False)] = "",
    /,
    *,
    resume: Annotated[
        Path | None, Parameter(help="A run folder to go on with, from its newest checkpoint.")
    ] = None,
    updates: Annotated[int | None, Parameter(help="A new goal, if not the old one.")] = None,
    data: Data = None,
    json: Json = False,
    **options: Annotated[str, Parameter(show=False)],
) -> None:
    """Train a preset in a new run folder, or go on with a run."""
    if preset:
        get_preset(preset)  # a known one is a command of its own, so this says which was meant
    if options:
        name = min(options)
        raise InfoganError(f"train: unknown option --{name}; it goes behind a preset, if it is a field.")
    if resume is None:
        raise InfoganError("train what? Name a preset, or a run by --resume RUN.")
    from infogan import session

    _print_outcome(session.resume(resume, updates, data, _console()), json)


def _print_outcome(outcome: "Outcome", as_json: bool) -> None:
    path = outcome.run.path
    last = (outcome.run.metrics() or [{}])[-1]
    if as_json:
        result = {"run": str(path), "updates": outcome.updates, "finished": outcome.finished}
        print(json.dumps(result | {"seconds": round(outcome.seconds, 1), "last": last}))
    elif outcome.finished:
        bounds = ", ".join(f"{k[4:]} {v:.3f}" for k, v in last.items() if k.startswith("L_I_"))
        print(f"{path}: {outcome.updates} updates in {outcome.seconds:.0f} s; L_I in nats: {bounds}")
    if not outcome.finished:
        print(
            f"infogan: stopped after {outcome.updates} updates, all saved; go on by: "
            f"infogan train --resume {path}",
            file=sys.stderr,
        )
        sys.exit(130)


@app.command
def evaluate(run: Path, /, *, data: Data = None, json: Json = False) -> None:
    """Score a run: L_I of each code, and how its categories agree with labels it never saw."""
    from infogan.data import Images, Split, has_test_split, load
    from infogan.metrics import evaluate as scores_of
    from infogan.run import Run

    opened = Run.open(run)
    model = opened.model()
    name = opened.config.images
    names: tuple[Split, ...] = ("train", "test") if has_test_split(name) else ("train",)
    splits: dict[str, Images] = {split: load(name, split, data) for split in names}
    with _console().status("") as status:
        evaluation = scores_of(model, splits, opened.config.batch, status.update)
    opened.write_json("evaluation.json", evaluation)
    _print_evaluation(evaluation, json)


def _print_evaluation(evaluation: "Evaluation", as_json: bool) -> None:
    if as_json:
        print(json.dumps(evaluation))
        return
    for split, scores in evaluation.items():
        print(split)
        for name, s in scores.items():
            print(f"  {name:36} {s['value']:7.4f}  [{s['low']:.4f}, {s['high']:.4f}]  {s['protocol']}")


@app.command
def figures(
    run: Path,
    /,
    *,
    baseline: Annotated[Path | None, Parameter(help="A run to draw beside it in Fig. 1.")] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Draw a run: L_I over updates, every code moved, the confusion table, samples (Figs. 1 and 2)."""
    from infogan.data import has_test_split, load
    from infogan.figures import make_figures, save_figures
    from infogan.run import Run

    opened = Run.open(run)
    name = opened.config.images
    images = load(name, "test" if has_test_split(name) else "train", data)
    with _console().status("drawing"):
        other = Run.open(baseline) if baseline else None
        paths = save_figures(make_figures(opened, opened.model(), images, other), opened.figures)
    _print_paths(paths, json)


@app.command
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
    _print_paths([path], json)


@app.command
def encode(
    run: Path,
    images: Annotated[str, Parameter(help="mnist:test, a .npy or .npz, a picture, or a folder.")],
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"], help="A .parquet or .csv.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Read the codes off images: a row an image, for each code its value and its spread."""
    from infogan.data import load
    from infogan.run import Run
    from infogan.table import check_target, write_codes

    opened = Run.open(run)
    check_target(out)
    model = opened.model()
    loaded = load(images, root=data)
    with _console().status(f"reading the codes of {len(loaded):,} images"):
        write_codes(out, model.latent, model.encode(loaded.x), loaded.names)
    _print_paths([out], json)


@app.command
def presets(*, json: Json = False) -> None:
    """List the presets, which `infogan train PRESET` starts from."""
    if json:
        print(_dumps({name: dataclasses.asdict(preset()) for name, preset in PRESETS.items()}))
        return
    for name, preset in PRESETS.items():
        config = preset()
        print(f"{name:12} {(preset.__doc__ or '').strip()}")
        print(f"{'':12} {config.codes}; {config.updates:,} updates of {config.batch}")


def _print_paths(paths: list[Path], as_json: bool) -> None:
    print(json.dumps([str(p) for p in paths]) if as_json else "\n".join(map(str, paths)))


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
