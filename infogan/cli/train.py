"""infogan train."""

import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, final

from cyclopts import App, Parameter

from infogan.cli.options import (
    DEFAULT_SIZE,
    Data,
    Json,
    NoOptions,
    Size,
    Source,
    custom_config,
    custom_options,
    flag,
    preset_config,
    preset_options,
    run_name,
    set_options,
    to_json,
    with_options,
)
from infogan.config import Config
from infogan.config.presets import PRESETS
from infogan.utils.errors import InfoganError
from infogan.utils.progress import console

if TYPE_CHECKING:
    from infogan.data import LoadOptions
    from infogan.training.session import Outcome

HELP = "Train on a preset or on your own images, in a new run folder; or resume a run."
MAX_CODES = 6  # that the summary lists
N_IMAGES = 2_000  # that the summary generates to estimate L_I
AMOUNTS = {0.95: "nearly all", 0.65: "most", 0.35: "about half", 0.1: "a little", -1: "almost nothing"}


@final
@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """The options of `train` beside the settings of a config."""

    out: Annotated[Path | None, Parameter(help="The run folder; default: runs/NAME-SEED.")] = None
    data: Data = None
    dry_run: Annotated[bool, flag("Print the config and exit.")] = False
    json: Json = False


Options = Annotated[TrainOptions, Parameter(name="*")]
Resume = Annotated[Path | None, Parameter(help="A run folder to resume from its newest checkpoint.")]
DEFAULTS = TrainOptions()


def train_app(presets: Collection[str], show_all: bool) -> App:
    """The verb, with a command for every preset, as `make_app`."""
    app = App(name="train", help=HELP)
    for name, preset in PRESETS.items():
        settings = preset_options(preset(), show_all=show_all) if name in presets else NoOptions
        app.command(with_options(_preset_command(name), settings, preset.__doc__), name=name)
    app.default(with_options(_train_custom, custom_options(show_all=show_all), HELP))
    return app


def _preset_command(name: str) -> Callable[..., None]:
    def command(*, config: Any, options: Options = DEFAULTS) -> None:
        chosen = preset_config(PRESETS[name](), config)
        if options.dry_run:
            print(chosen.to_json(), end="")
            return
        from infogan.data import LoadOptions

        _train(name, chosen, options, LoadOptions(options.data))

    return command


def _train_custom(
    source: Source = "",
    /,
    *,
    config: Any,
    size: Size = DEFAULT_SIZE,
    resume: Resume = None,
    options: Options = DEFAULTS,
) -> None:
    settings = set_options(config)
    if not source and resume is None:
        raise InfoganError("train: name a preset, folder:PATH, or a run to --resume.")
    from infogan.data import LoadOptions

    load_options = LoadOptions(options.data)
    if resume is not None:
        if source or set(settings) - {"steps", "devices", "nodes"}:
            raise InfoganError(
                f"train: {resume} keeps its images and settings; with --resume, only --steps, --devices and "
                "--nodes can change."
            )
        from infogan.training import launch

        _print_outcome(launch.resume(resume, settings, load_options, console()), options.json)
        return
    chosen = custom_config(source, size, settings, load_options)
    if options.dry_run:
        print(chosen.to_json(), end="")
        return
    _train(run_name(source), chosen, options, load_options)


def _train(name: str, config: Config, options: TrainOptions, load_options: "LoadOptions") -> None:
    from infogan.training import launch

    path = options.out or Path("runs") / f"{name}-{config.run.seed}"
    _print_outcome(launch.train(config, path, load_options, console()), options.json)


def _print_outcome(outcome: "Outcome", as_json: bool) -> None:
    path = outcome.run.path
    if as_json:
        last = (outcome.run.metrics() or [{}])[-1]
        result = {"run": str(path), "steps": outcome.steps, "finished": outcome.finished}
        print(to_json(result | {"seconds": round(outcome.seconds, 1), "last": last}))
    elif outcome.finished:
        print("\n".join(_summary(outcome)))
    if not outcome.finished:
        print(
            f"infogan: stopped after {outcome.steps} steps, all saved; continue with: "
            f"infogan train --resume {path}",
            file=sys.stderr,
        )
        sys.exit(130)


def _summary(outcome: "Outcome") -> Iterator[str]:
    """At most ten lines: how long it took, how much Q reads off G's images per code, and what to do next.

    L_I is estimated as `infogan report` does, on fewer images: of the weights that the run generates with.
    """
    from infogan.evaluation.consistency import info_bounds
    from infogan.method.objective import max_info_bound
    from infogan.training.health import share_of_entropy
    from infogan.utils.rng import make_rng

    run, codes = outcome.run, outcome.run.config.codes
    model, batch_size = run.model(), run.config.optimisation.batch_size
    bounds = info_bounds(model, batch_size, make_rng(0, "evaluate"), N_IMAGES)
    yield f"{run.path}: {outcome.steps:,} steps in {outcome.seconds:.0f} s"
    yield "How much of each code Q reads off G's images (L_I in nats):"
    named = list(zip(model.latent.names, model.latent.codes, strict=True))
    for name, code in named[:MAX_CODES]:
        L_I = bounds[f"info_bound_{name}"]["value"]
        share = share_of_entropy(code, L_I, codes.fixed_std)
        amount = next(amount for low, amount in AMOUNTS.items() if share >= low)
        kind = f"{code.categories} categories" if code.categories else code.kind
        if (i := model.latent.names.index(name)) in model.latent.parents:
            kind += f" under {model.latent.names[model.latent.parents[i]]}"
        most = max_info_bound(code, codes.fixed_std or codes.min_std)
        yield f"  {name} ({kind}): {amount}, {L_I:.2f}" + (
            f" of at most {most:.2f}" if most is not None else ""
        )
    if rest := [bounds[f"info_bound_{name}"]["value"] for name, _ in named[MAX_CODES:]]:
        yield f"  and {len(rest)} more codes: {min(rest):.2f} to {max(rest):.2f}"
    yield f"next: infogan report {run.path}; infogan explore {run.path}"
