"""infogan sweep."""

import sys
from collections.abc import Callable, Collection
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

HELP = "Train a preset or your own images with several seeds and settings, and compare the runs."

Seeds = Annotated[int, Parameter(help="How many runs per setting: seeds --seed, --seed + 1, ...")]
Set = Annotated[
    tuple[str, ...],
    Parameter(
        name="--set",
        help="SETTING=VALUE,VALUE: try each value; with several settings, every combination. Within a value, "
        "colons separate numbers: lam=1,0.1:1:1.",
    ),
]
Stacked = Annotated[bool, flag("Train the seeds as one model, for a large GPU.")]
StopCollapsed = Annotated[bool, flag("Stop a run once G's images are nearly all the same (mode collapse).")]
Cpus = Annotated[
    int | None,
    Parameter(help="Cores per run; default: the whole machine, one run at a time; on a cluster, 1."),
]
Gpus = Annotated[float | None, Parameter(help="GPUs per run on a cluster; may be a fraction.")]
Ray = Annotated[
    str | None,
    Parameter(help="Train on a Ray cluster: its HOST:PORT, auto (the one of this machine), or local."),
]
Out = Annotated[Path, Parameter(help="The folder of the runs NAME-SEED; on a cluster, a shared one.")]


@final
@dataclass(frozen=True, kw_only=True)
class SweepCommandOptions:
    """The options of `sweep` beside the settings of a config."""

    seeds: Seeds = 5
    set: Set = ()
    stacked: Stacked = False
    stop_collapsed: StopCollapsed = False
    cpus: Cpus = None
    gpus: Gpus = None
    ray: Ray = None
    out: Out = Path("runs")
    data: Data = None
    json: Json = False


Options = Annotated[SweepCommandOptions, Parameter(name="*")]
DEFAULTS = SweepCommandOptions()


def sweep_app(presets: Collection[str], show_all: bool) -> App:
    """The verb, with a command for every preset, as `make_app`."""
    app = App(name="sweep", help=HELP)
    for name, preset in PRESETS.items():
        settings = preset_options(preset(), show_all=show_all) if name in presets else NoOptions
        app.command(with_options(_preset_command(name), settings, preset.__doc__), name=name)
    app.default(with_options(_sweep_custom, custom_options(show_all=show_all), HELP))
    return app


def _preset_command(name: str) -> Callable[..., None]:
    def command(*, config: Any, options: Options = DEFAULTS) -> None:
        from infogan.data import LoadOptions

        chosen = preset_config(PRESETS[name](), config)
        _sweep(name, chosen, options, LoadOptions(options.data))

    return command


def _sweep_custom(
    source: Source = "", /, *, config: Any, size: Size = DEFAULT_SIZE, options: Options = DEFAULTS
) -> None:
    if not source:
        raise InfoganError("sweep: name a preset, as `infogan presets` lists them, or folder:PATH.")
    from infogan.data import LoadOptions

    load_options = LoadOptions(options.data)
    chosen = custom_config(source, size, set_options(config), load_options)
    _sweep(run_name(source), chosen, options, load_options)


def _sweep(name: str, config: Config, options: SweepCommandOptions, load_options: "LoadOptions") -> None:
    from infogan.scale.sweep import SweepOptions, format_summary, parse_settings, sweep

    summary, stopped = sweep(
        name,
        config,
        options.seeds,
        options.out,
        load_options,
        console(),
        parse_settings(options.set),
        SweepOptions(options.stacked, options.stop_collapsed, options.cpus, options.gpus, options.ray),
    )
    print(to_json(summary) if options.json else format_summary(summary))
    if stopped:
        print("infogan: stopped, all saved; repeat the command to continue.", file=sys.stderr)
        sys.exit(130)
