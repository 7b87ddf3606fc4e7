"""infogan train."""

import dataclasses
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from infogan.cli.app import Data, Json, SkipBad
from infogan.cli.options import (
    Size,
    Source,
    custom_config,
    custom_options,
    preset_options,
    run_name,
    set_options,
    with_options,
)
from infogan.config import Config
from infogan.config.presets import PRESETS
from infogan.utils.errors import InfoganError
from infogan.utils.progress import console

if TYPE_CHECKING:
    from infogan.data import LoadOptions
    from infogan.training.session import Outcome

Out = Annotated[Path | None, Parameter(help="The run folder; runs/NAME-SEED if not named.")]
DryRun = Annotated[bool, Parameter(help="Print the whole config and do nothing.", negative=())]
Resume = Annotated[Path | None, Parameter(help="A run folder to go on with, from its newest checkpoint.")]


def register(app: App, *, show_all: bool) -> None:
    """Adds the verb, with a command below it for every preset."""
    doc = "Train on images of your own, or a preset, in a new run folder; or go on with a run."
    train = App(name="train", help=doc)
    for name, preset in PRESETS.items():
        train.command(
            _train_preset(name, preset_options(preset(), show_all=show_all), preset.__doc__), name=name
        )
    train.default(with_options(_train_custom, custom_options(show_all=show_all), doc))
    app.command(train)


def _train_preset(name: str, options: type, doc: str | None) -> Callable[..., None]:
    """`infogan train NAME`, whose options are the settings of a config."""

    def command(
        *,
        config: Any,
        out: Out = None,
        data: Data = None,
        skip_bad: SkipBad = False,
        dry_run: DryRun = False,
        json: Json = False,
    ) -> None:
        chosen = Config.from_options(**dataclasses.asdict(config))
        if dry_run:
            print(chosen.to_json(), end="")
            return
        from infogan.data import LoadOptions

        _train(name, chosen, out, LoadOptions(data, skip_bad), json)

    return with_options(command, options, doc)


def _train_custom(
    source: Source = "",
    /,
    *,
    config: Any,
    size: Size = 32,
    resume: Resume = None,
    out: Out = None,
    data: Data = None,
    skip_bad: SkipBad = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    options = set_options(config)
    if not source and resume is None:
        raise InfoganError("train what? Name a preset, folder:PATH, or a run by --resume RUN.")
    from infogan.data import LoadOptions

    load_options = LoadOptions(data, skip_bad)
    if resume is not None:
        if source or set(options) - {"steps", "devices", "nodes"}:
            raise InfoganError(
                f"train: {resume} keeps its images and its config; beside --resume only --steps, --devices "
                "and --nodes are taken."
            )
        from infogan.training import launch

        _print_outcome(launch.resume(resume, options, load_options, console()), json)
        return
    chosen = custom_config(source, size, options, load_options)
    if dry_run:
        print(chosen.to_json(), end="")
        return
    _train(run_name(source), chosen, out, load_options, json)


def _train(name: str, config: Config, out: Path | None, load_options: "LoadOptions", as_json: bool) -> None:
    from infogan.training import launch

    path = out or Path("runs") / f"{name}-{config.run.seed}"
    _print_outcome(launch.train(config, path, load_options, console()), as_json)


def _print_outcome(outcome: "Outcome", as_json: bool) -> None:
    path = outcome.run.path
    last = (outcome.run.metrics() or [{}])[-1]
    if as_json:
        result = {"run": str(path), "steps": outcome.steps, "finished": outcome.finished}
        print(json.dumps(result | {"seconds": round(outcome.seconds, 1), "last": last}))
    elif outcome.finished:
        bounds = ", ".join(f"{k[4:]} {v:.3f}" for k, v in last.items() if k.startswith("L_I_"))
        print(f"{path}: {outcome.steps} updates in {outcome.seconds:.0f} s; L_I in nats: {bounds}")
    if not outcome.finished:
        print(
            f"infogan: stopped after {outcome.steps} updates, all saved; go on by: "
            f"infogan train --resume {path}",
            file=sys.stderr,
        )
        sys.exit(130)
