"""infogan sweep, bench and presets."""

import dataclasses
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, final

from cyclopts import App, Parameter

from infogan.cli.app import Data, Json, SkipBad, dumps
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
from infogan.config import Config, Device, Precision
from infogan.config.presets import PRESETS, get_preset
from infogan.utils.errors import InfoganError
from infogan.utils.progress import console

if TYPE_CHECKING:
    from infogan.data import LoadOptions

Seeds = Annotated[int, Parameter(help="How many runs, with the seeds from --seed on.")]
Stacked = Annotated[bool, Parameter(help="Train the seeds as one, for a large GPU.", negative=())]
Folder = Annotated[Path, Parameter(help="The folder of the runs PRESET-SEED; of a cluster, a shared one.")]
Set = Annotated[
    tuple[str, ...],
    Parameter(
        name="--set",
        help="FIELD=VALUE,VALUE: try each value, of several fields every combination; the numbers within "
        "one value are parted by colons, as in lam=1,0.1:1:1.",
    ),
]
StopCollapsed = Annotated[
    bool, Parameter(help="End a run once G's images are nearly one; it is counted apart.", negative=())
]
Cpus = Annotated[
    int | None,
    Parameter(help="Cores a run takes; else all of this machine, one run at a time, or 1 of a cluster's."),
]
Gpus = Annotated[float | None, Parameter(help="GPUs a run takes of a cluster's, which may be a part of one.")]
Ray = Annotated[
    str | None,
    Parameter(
        help="Train on a Ray cluster: auto for the one that this machine is in, its HOST:PORT, or local to "
        "start one here."
    ),
]


@final
@dataclass(frozen=True, kw_only=True)
class Sweeping:
    """The options of a sweep beside the fields of a config."""

    seeds: Seeds = 5
    set: Set = ()
    stacked: Stacked = False
    stop_collapsed: StopCollapsed = False
    cpus: Cpus = None
    gpus: Gpus = None
    ray: Ray = None
    out: Folder = Path("runs")


How = Annotated[Sweeping, Parameter(name="*")]
AS_EVER = Sweeping()


def register(app: App, *, show_all: bool) -> None:
    """Adds the verbs, with a command below `sweep` for every preset."""
    doc = "Train a preset, or images of your own, with several seeds, and say which did best at what."
    sweep = App(name="sweep", help=doc)
    for name, preset in PRESETS.items():
        sweep.command(
            _sweep_preset(name, preset_options(preset(), show_all=show_all), preset.__doc__), name=name
        )
    sweep.default(with_options(_sweep_custom, custom_options(show_all=show_all), doc))
    app.command(sweep)
    app.command(bench)
    app.command(presets)


def _sweep_preset(name: str, options: type, doc: str | None) -> Callable[..., None]:
    """`infogan sweep NAME`, whose options are the fields of Config."""

    def command(
        *,
        config: Any,
        how: How = AS_EVER,
        data: Data = None,
        skip_bad: SkipBad = False,
        json: Json = False,
    ) -> None:
        from infogan.data import LoadOptions

        chosen = Config.from_options(**dataclasses.asdict(config))
        _sweep(name, chosen, how, LoadOptions(data, skip_bad), json)

    return with_options(command, options, doc)


def _sweep_custom(
    source: Source = "",
    /,
    *,
    config: Any,
    size: Size = 32,
    how: How = AS_EVER,
    data: Data = None,
    skip_bad: SkipBad = False,
    json: Json = False,
) -> None:
    if not source:
        raise InfoganError("sweep what? Name a preset, which `infogan presets` lists, or folder:PATH.")
    from infogan.data import LoadOptions

    load_options = LoadOptions(data, skip_bad)
    chosen = custom_config(source, size, set_options(config), load_options)
    _sweep(run_name(source), chosen, how, load_options, json)


def _sweep(name: str, config: Config, how: Sweeping, load_options: "LoadOptions", as_json: bool) -> None:
    from infogan.scale.sweep import Plan, parse_settings, sweep, tell

    settings = parse_settings(how.set)
    plan = Plan(how.stacked, how.stop_collapsed, how.cpus, how.gpus, how.ray)
    found, stopped = sweep(name, config, how.seeds, how.out, load_options, console(), settings, plan)
    print(dumps(found) if as_json else tell(found))
    if stopped:
        print("infogan: stopped, all saved; the same command goes on.", file=sys.stderr)
        sys.exit(130)


def bench(
    preset: Annotated[str, Parameter(help="The preset whose updates are timed.")] = "mnist",
    /,
    *,
    precision: Annotated[Precision | None, Parameter(help="Arithmetic, if not the preset's.")] = None,
    device: Annotated[Device | None, Parameter(help="Where, if not where the preset trains.")] = None,
    json: Json = False,
) -> None:
    """Time a preset on this machine: images/s, milliseconds, share of the peak, memory, the whole run."""
    config = get_preset(preset)
    chosen = config.replace(precision=precision or config.run.precision, device=device or config.run.device)
    from infogan.training.benchmark import bench as measure

    with console().status("") as status:
        found = measure(chosen, status.update)
    print(dumps(found) if json else _tell_bench(found))


def _tell_bench(found: dict[str, Any]) -> str:
    return (
        f"{found['images_per_s']:.0f} images/s in batches of {found['batch']}, {found['precision']}, "
        f"{found['device']}\n"
        f"{found['ms_per_update']:.1f} ms an update: D {found['ms_d']:.1f}, G {found['ms_g']:.1f}\n"
        f"{found['share_of_peak']:.0%} of the {found['peak_gflop_per_s']:.0f} GFLOP/s of a matrix product\n"
        f"{found['peak_memory_mib']:.0f} MiB at most\n"
        f"{found['whole_run_s'] / 60:.1f} minutes for the whole run\n"
        f"torch {found['torch']}, {found['threads']} threads, OMP_WAIT_POLICY={found['omp_wait_policy']}, "
        f"GOMP_SPINCOUNT={found['gomp_spincount']}"
    )


def presets(*, json: Json = False) -> None:
    """List the presets, which `infogan train PRESET` starts from."""
    if json:
        print(dumps({name: dataclasses.asdict(preset()) for name, preset in PRESETS.items()}))
        return
    width = max(map(len, PRESETS))
    for name, preset in PRESETS.items():
        config = preset()
        print(f"{name:{width}} {(preset.__doc__ or '').strip()}")
        optimisation = config.optimisation
        print(
            f"{'':{width}} {config.codes.spec}; {optimisation.steps:,} steps of {optimisation.batch_size} images"
        )
