"""infogan train, sweep, bench and presets."""

import dataclasses
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from infogan.cli.app import Data, Json, SkipBad, console, dumps
from infogan.config import Config, Device, Precision
from infogan.errors import InfoganError
from infogan.presets import PRESETS, get_preset

if TYPE_CHECKING:
    from infogan.session import Outcome

Out = Annotated[Path | None, Parameter(help="The run folder; runs/PRESET-SEED if not named.")]
DryRun = Annotated[bool, Parameter(help="Print the whole config and do nothing.", negative=())]
Seeds = Annotated[int, Parameter(help="How many runs, with the seeds from --seed on.")]
Stacked = Annotated[bool, Parameter(help="Train the seeds as one, for a large GPU.", negative=())]
Folder = Annotated[Path, Parameter(help="The folder of the runs PRESET-SEED.")]


def register(app: App) -> None:
    """Adds the verbs, with a command below `train` and below `sweep` for every preset."""
    train = App(name="train", help="Train a preset in a new run folder, or go on with a run.")
    sweep = App(name="sweep", help="Train a preset with several seeds, and say which did best at what.")
    for name, preset in PRESETS.items():
        options = _options_of(preset())
        train.command(_train_command(name, options, preset.__doc__), name=name)
        sweep.command(_sweep_command(name, options, preset.__doc__), name=name)
    train.default(_resume)
    sweep.default(_sweep_what)
    app.command(train)
    app.command(sweep)
    app.command(bench)
    app.command(presets)


def _options_of(values: Config) -> type:
    """Config with these values as the defaults, since cyclopts takes the defaults of options from a class."""
    return dataclasses.make_dataclass(
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


def _with_options(command: Callable[..., None], options: type, doc: str | None) -> Callable[..., None]:
    command.__annotations__["config"] = Annotated[options, Parameter(name="*")]
    command.__kwdefaults__ = {**(command.__kwdefaults__ or {}), "config": options()}
    command.__doc__ = doc
    return command


def _train_command(name: str, options: type, doc: str | None) -> Callable[..., None]:
    """`infogan train NAME`, whose options are the fields of Config."""

    def command(
        *,
        config: Any,
        out: Out = None,
        data: Data = None,
        skip_bad: SkipBad = False,
        dry_run: DryRun = False,
        json: Json = False,
    ) -> None:
        chosen = Config(**dataclasses.asdict(config))
        if dry_run:
            print(chosen.to_json(), end="")
            return
        from infogan import session
        from infogan.data import Reading

        path = out or Path("runs") / f"{name}-{chosen.seed}"
        _print_outcome(session.begin(chosen, path, Reading(data, skip_bad), console()), json)

    return _with_options(command, options, doc)


def _sweep_command(name: str, options: type, doc: str | None) -> Callable[..., None]:
    """`infogan sweep NAME`, whose options are the fields of Config."""

    def command(
        *,
        config: Any,
        seeds: Seeds = 5,
        stacked: Stacked = False,
        out: Folder = Path("runs"),
        data: Data = None,
        skip_bad: SkipBad = False,
        json: Json = False,
    ) -> None:
        from infogan.data import Reading
        from infogan.sweep import sweep, tell

        chosen = Config(**dataclasses.asdict(config))
        reading = Reading(data, skip_bad)
        found = sweep(name, chosen, seeds, out, reading, console(), stacked=stacked)
        print(dumps(found) if json else tell(found))
        if len(found["runs"]) < seeds:
            print("infogan: stopped, all saved; the same command goes on.", file=sys.stderr)
            sys.exit(130)

    return _with_options(command, options, doc)


def _resume(
    preset: Annotated[str, Parameter(show=False)] = "",
    /,
    *,
    resume: Annotated[
        Path | None, Parameter(help="A run folder to go on with, from its newest checkpoint.")
    ] = None,
    updates: Annotated[int | None, Parameter(help="A new goal, if not the old one.")] = None,
    data: Data = None,
    skip_bad: SkipBad = False,
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
    from infogan.data import Reading

    _print_outcome(session.resume(resume, updates, Reading(data, skip_bad), console()), json)


def _sweep_what(preset: Annotated[str, Parameter(show=False)] = "", /) -> None:
    """Train a preset with several seeds, and say which did best at what."""
    if preset:
        get_preset(preset)
    raise InfoganError("sweep what? Name a preset; `infogan presets` lists them.")


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
    chosen = dataclasses.replace(
        config, precision=precision or config.precision, device=device or config.device
    )
    from infogan.bench import bench as measure

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
        print(f"{'':{width}} {config.codes}; {config.updates:,} updates of {config.batch}")
