"""infogan presets and bench: what can be trained, and how fast it trains here."""

import dataclasses
from typing import Annotated, Any

from cyclopts import Parameter

from infogan.cli.options import Data, Json, to_json
from infogan.config import Device, Precision
from infogan.config.presets import PRESETS, get_preset
from infogan.utils.errors import InfoganError
from infogan.utils.progress import console

ToError = Annotated[
    float | None,
    Parameter(
        help="Also train the preset, and say after how many seconds its 1-1 error on test images is at most "
        "this, in percent.",
    ),
]


def presets(*, json: Json = False) -> None:
    """List the presets for infogan train PRESET."""
    if json:
        print(to_json({name: dataclasses.asdict(preset()) for name, preset in PRESETS.items()}))
        return
    width = max(map(len, PRESETS))
    for name, preset in PRESETS.items():
        config = preset()
        steps, batch_size = config.optimisation.steps, config.optimisation.batch_size
        print(f"{name:{width}} {(preset.__doc__ or '').strip()}")
        print(f"{'':{width}} {config.codes.spec}; {steps:,} steps of {batch_size} images")


def bench(
    preset: Annotated[str, Parameter(help="The preset to time.")] = "mnist",
    /,
    *,
    precision: Annotated[Precision | None, Parameter(help="Default: the preset's.")] = None,
    device: Annotated[Device | None, Parameter(help="Default: the preset's.")] = None,
    to_error: ToError = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Time a preset on this machine: images/s, share of the peak, memory, and the usual loop beside it."""
    if to_error is not None and not 0 < to_error < 100:
        raise InfoganError(f"--to-error is {to_error:g}, but must be between 0 and 100 percent.")
    config = get_preset(preset)
    chosen = config.replace(precision=precision or config.run.precision, device=device or config.run.device)
    from infogan.training.benchmark import bench as measure

    with console().status("") as status:
        curve = None
        if to_error is not None:
            from infogan.data import LoadOptions
            from infogan.evaluation.time_to_error import error_curve

            curve = error_curve(chosen, LoadOptions(data), status.update)
        found = measure(chosen, status.update)
    if curve is not None and to_error is not None:
        found["to_error"] = to_error
        found["seconds_to_error"] = curve.seconds_to(to_error / 100)
        found["error_curve"] = curve._asdict()
    print(to_json(found) if json else _table(found))


def _table(found: dict[str, Any]) -> str:
    compared = ""
    if ratio := found["ratio_to_reference_loop"]:
        low, high = ratio["low"], ratio["high"]
        compared += (
            f"{ratio['median']:.2f} times as fast as a usual loop ({low:.2f} to {high:.2f}, by turns)\n"
        )
    if found["ratio_beside_another"]:
        compared += f"{found['ratio_beside_another']:.0%} of this speed beside a busy process\n"
    if "error_curve" in found:
        seconds, curve = found["seconds_to_error"], found["error_curve"]
        reached = "never" if seconds is None else f"after {seconds:.0f} s"
        compared += (
            f"1-1 error on test images at most {found['to_error']:g} %: {reached}; {curve['errors'][-1]:.2%} "
            f"at the end, after {curve['seconds'][-1]:.0f} s\n"
        )
    return (
        f"{found['images_per_s']:.0f} images/s in batches of {found['batch_size']}, {found['precision']}, "
        f"{found['device']}\n"
        f"{found['ms_per_step']:.1f} ms per step: D {found['ms_d']:.1f}, G {found['ms_g']:.1f}\n"
        f"{found['share_of_peak']:.0%} of the {found['peak_gflop_per_s']:.0f} GFLOP/s of a matrix product\n"
        f"{compared}"
        f"{found['peak_memory_mib']:.0f} MiB of memory at most\n"
        f"{found['whole_run_s'] / 60:.1f} minutes for all steps, without pretraining\n"
        f"torch {found['torch']}, {found['threads']} threads, OMP_WAIT_POLICY={found['omp_wait_policy']}, "
        f"GOMP_SPINCOUNT={found['gomp_spincount']}"
    )
