"""infogan train."""

import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, final

from cyclopts import App, Parameter

from infogan.cli.options import (
    Data,
    Json,
    NoOptions,
    Size,
    SkipBad,
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
MAX_CODES = 6  # that the summary lists one by one
AMOUNTS = {0.95: "nearly all", 0.65: "most", 0.35: "about half", 0.1: "a little", -1: "almost nothing"}


@final
@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """The options of `train` beside the settings of a config."""

    out: Annotated[Path | None, Parameter(help="The run folder; default: runs/NAME-SEED.")] = None
    data: Data = None
    skip_bad: SkipBad = False
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

        _train(name, chosen, options, LoadOptions(options.data, options.skip_bad))

    return command


def _train_custom(
    source: Source = "",
    /,
    *,
    config: Any,
    size: Size = 32,
    resume: Resume = None,
    options: Options = DEFAULTS,
) -> None:
    settings = set_options(config)
    if not source and resume is None:
        raise InfoganError("train: name a preset, folder:PATH, or a run to --resume.")
    from infogan.data import LoadOptions

    load_options = LoadOptions(options.data, options.skip_bad)
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
    """At most ten lines: how long it took, how much Q reads off G's images per code, and what to do next."""
    from infogan.method.latent import Latent
    from infogan.training.health import share_of_entropy

    run, last = outcome.run, (outcome.run.metrics() or [{}])[-1]
    latent = Latent.from_config(run.config.codes)
    shares = {
        name: (code, share_of_entropy(code, float(last[f"L_I_{name}"]), run.config.codes.fixed_std))
        for name, code in zip(latent.names, latent.codes, strict=True)
        if f"L_I_{name}" in last
    }
    yield f"{run.path}: {outcome.steps:,} steps in {outcome.seconds:.0f} s"
    if shares:
        yield "How much of each code Q reads off G's images (L_I as a share of the entropy H(c)):"
    for name, (code, share) in list(shares.items())[:MAX_CODES]:
        amount = next(amount for low, amount in AMOUNTS.items() if share >= low)
        kind = f"{code.categories} categories" if code.categories else code.kind
        if (i := latent.names.index(name)) in latent.parents:
            kind += f" under {latent.names[latent.parents[i]]}"
        yield f"  {name} ({kind}): {amount}, {share:.0%} of {code.entropy():.2f} nats"
    rest = [share for _, share in list(shares.values())[MAX_CODES:]]
    if rest:
        yield f"  and {len(rest)} more codes: {min(rest):.0%} to {max(rest):.0%}"
    yield f"next: infogan report {run.path}; infogan explore {run.path}"
