"""How fast a preset trains on this machine, beside the peak of a matrix product and the usual loop."""

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from infogan.config import Config
from infogan.data import Images
from infogan.method.model import make_model
from infogan.training.components.cuda_graph import N_EAGER
from infogan.training.reference_loop import reference_loop
from infogan.training.trainer import Trainer

RUNS = 7
TURNS, STEPS_A_TURN = 9, 3  # beside the reference loop
NEIGHBOUR = "while True: pass"
SIDE = 2048  # of the square matrices whose product is the peak
N_IMAGES = 4096  # enough that batches differ


def bench(config: Config, say: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Times training steps of a config on images of noise, so that no data set is needed.

    Returns medians of 7 runs after a first one:

        images_per_s              real images that D sees
        ms_per_step               milliseconds per step, of which ms_d for D and ms_g for G, in the ratio of
                                  separate timings
        gflop_per_step            10^9 floating point operations in convolutions and matrix products, counted
                                  by torch
        peak_gflop_per_s          of a product of two 2048x2048 matrices in the precision of the config
        share_of_peak             of the step
        peak_memory_mib           of this process, MiB
        whole_run_s               estimated seconds for all steps of the config, without pretraining
        ratio_beside_another      of the speed while another process is busy to the speed without it; on a CPU
        ratio_to_reference_loop   of images/s here to those of `reference_loop`, in turns of 3 steps in this
                                  process: median, low and high of 9; None for vectors and VAEs, which that
                                  loop does not train

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
    memory = _peak_memory(device)
    ratio_beside_another = None
    if device.type == "cpu":
        say(f"{config.networks.architecture}, {precision}: {RUNS} steps beside a busy process")
        with _busy_process():
            ratio_beside_another = whole / _seconds(lambda: next(steps), device)
    ratio_to_reference_loop = None
    if trainer.model.G.low is not None and config.terms.method == "gan":
        say(f"{config.networks.architecture}, {precision}: {TURNS} turns beside the reference loop")
        ratio_to_reference_loop = _ratio_to_reference_loop(trainer.config, steps, device)
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
        "peak_memory_mib": memory,
        "whole_run_s": config.optimisation.steps * whole,
        "ratio_beside_another": ratio_beside_another,
        "ratio_to_reference_loop": ratio_to_reference_loop,
    }


def _ratio_to_reference_loop(
    config: Config, steps: Iterator[object], device: torch.device
) -> dict[str, float]:
    reference, ratios = reference_loop(config, _noise(config), device), []
    for _ in range(TURNS + 1):
        seconds, ours = (_seconds_per_step(loop, device) for loop in (reference, steps))
        ratios.append(seconds / ours)
    del ratios[0]  # in which both warm up
    return {"median": statistics.median(ratios), "low": min(ratios), "high": max(ratios)}


@contextmanager
def _busy_process() -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", NEIGHBOUR])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _noise(config: Config) -> np.ndarray:
    shape = config.networks.image_shape
    return np.random.default_rng(0).integers(0, 256, (N_IMAGES, *shape), np.uint8)


def _trainer(config: Config) -> Trainer:
    config = config.replace(steps=10**9)
    return Trainer(config, make_model(config), Images.from_arrays(_noise(config)))


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


def _seconds_per_step(steps: Iterator[object], device: torch.device) -> float:
    start = time.perf_counter()
    for _ in range(STEPS_A_TURN):
        next(steps)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return (time.perf_counter() - start) / STEPS_A_TURN


def _peak_memory(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
