"""infogan presets and bench: what can be trained, and how fast it trains here."""

import dataclasses
from typing import Annotated, Any

from cyclopts import Parameter

from infogan.cli.options import Json, to_json
from infogan.config import Device, Precision
from infogan.config.presets import PRESETS, get_preset
from infogan.utils.progress import console


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
    json: Json = False,
) -> None:
    """Time a preset on this machine: images/s, ms per step, share of the peak, memory, whole run."""
    config = get_preset(preset)
    chosen = config.replace(precision=precision or config.run.precision, device=device or config.run.device)
    from infogan.training.benchmark import bench as measure

    with console().status("") as status:
        found = measure(chosen, status.update)
    print(to_json(found) if json else _table(found))


def _table(found: dict[str, Any]) -> str:
    return (
        f"{found['images_per_s']:.0f} images/s in batches of {found['batch_size']}, {found['precision']}, "
        f"{found['device']}\n"
        f"{found['ms_per_step']:.1f} ms per step: D {found['ms_d']:.1f}, G {found['ms_g']:.1f}\n"
        f"{found['share_of_peak']:.0%} of the {found['peak_gflop_per_s']:.0f} GFLOP/s of a matrix product\n"
        f"{found['peak_memory_mib']:.0f} MiB of memory at most\n"
        f"{found['whole_run_s'] / 60:.1f} minutes for the whole run\n"
        f"torch {found['torch']}, {found['threads']} threads, OMP_WAIT_POLICY={found['omp_wait_policy']}, "
        f"GOMP_SPINCOUNT={found['gomp_spincount']}"
    )
