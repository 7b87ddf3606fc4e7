"""How fast a preset trains on this machine, compared with the peak of a matrix product."""

import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from infogan.config import Config
from infogan.data import Images
from infogan.method.model import make_model
from infogan.training.components.cuda_graph import N_EAGER
from infogan.training.trainer import Trainer

RUNS = 7
SIDE = 2048  # of the square matrices whose product is the peak
N_IMAGES = 4096  # enough that batches differ


def bench(config: Config, say: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Times training steps of a config on images of noise, so that no data set is needed.

    Returns medians of 7 runs after a first one:

        images_per_s      real images that D sees
        ms_per_step       milliseconds per step, of which ms_d for D and ms_g for G, in the ratio of separate
                          timings
        gflop_per_step    10^9 floating point operations in convolutions and matrix products, counted by torch
        peak_gflop_per_s  of a product of two 2048x2048 matrices in the precision of the config
        share_of_peak     of the step
        peak_memory_mib   of this process, MiB
        whole_run_s       estimated seconds for all steps of the config

    Args:
        say: is called with what is being done.
    """
    say(f"{config.networks.architecture}: the peak of this machine")
    trainer = _trainer(config)
    device = trainer.fabric.device
    precision = trainer.config.run.precision
    dtype = {"32-true": torch.float32, "bf16-mixed": torch.bfloat16, "64-true": torch.float64}
    a, b = (torch.randn(SIDE, SIDE, device=device).to(dtype[precision]) for _ in range(2))
    peak = 2 * SIDE**3 / _seconds(lambda: a @ b, device)
    say(f"{config.networks.architecture}, {precision}: {RUNS} steps")
    steps = trainer.fit()
    for _ in range(N_EAGER + 1):
        next(steps)  # captures the CUDA graph
    whole = _seconds(lambda: next(steps), device)
    (x_real,) = trainer.batches.real(0)
    with FlopCounterMode(display=False) as counter:
        trainer.step(x_real)  # not `next(steps)`: nothing is counted within a CUDA graph
    flop = counter.get_total_flops()

    def step_d() -> None:
        z, c, x_fake = trainer.generate(with_gradient=not config.optimisation.resample_fake)
        trainer.descend("D", z, c, x_fake.detach(), x_real)

    share_d = _seconds(step_d, device) / _seconds(lambda: trainer.step(x_real), device)
    return {
        "device": str(device),
        "precision": precision,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY"),
        "gomp_spincount": os.environ.get("GOMP_SPINCOUNT"),
        "batch_size": config.optimisation.batch_size,
        "images_per_s": config.optimisation.batch_size / whole,
        "ms_per_step": whole * 1e3,
        "ms_d": whole * share_d * 1e3,
        "ms_g": whole * (1 - share_d) * 1e3,
        "gflop_per_step": flop / 1e9,
        "peak_gflop_per_s": peak / 1e9,
        "share_of_peak": flop / whole / peak,
        "peak_memory_mib": _peak_memory(device),
        "whole_run_s": config.optimisation.steps * whole,
    }


def _trainer(config: Config) -> Trainer:
    config = config.replace(steps=10**9)
    model = make_model(config)
    noise = np.random.default_rng(0).integers(0, 256, (N_IMAGES, *model.G.shape), np.uint8)
    return Trainer(config, model, Images.from_arrays(noise))


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    """The median seconds of a call, after a first one."""
    times = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def _peak_memory(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
