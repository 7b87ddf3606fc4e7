"""The speed of training against that of the reference loop, in one process, by turns.

    python benchmarks/speed.py [PRESET ...]

On 60,000 random images. Each ratio is of two neighbouring turns. Writes records/speed-PRESET.json.
"""

import statistics
import sys
import time
from collections.abc import Iterator

import numpy as np
import torch
from record import record, spread

from infogan.config import Config
from infogan.config.presets import get_preset
from infogan.data import Images
from infogan.method.model import make_model
from infogan.training.benchmark import bench
from infogan.training.components.device import resolve
from infogan.training.reference_loop import reference_loop
from infogan.training.trainer import Trainer

N_TURNS, N_STEPS = 9, 5
MAX_STEPS = 10**9  # so that learning rates stay constant
N_IMAGES = 60_000


def infogan_loop(config: Config, x: np.ndarray) -> Iterator[float]:
    """Steps of the trainer without an end; yields L_I(c1) at every `log_every`-th step, else 0."""
    trainer = Trainer(config.replace(steps=MAX_STEPS), make_model(config), Images.from_arrays(x))
    for step, metrics in trainer.fit():
        yield metrics["L_I_c1"].item() if step % config.run.log_every == 0 else 0.0


def seconds_per_step(steps: Iterator[object]) -> float:
    start = time.perf_counter()
    for _ in range(N_STEPS):
        next(steps)
    return (time.perf_counter() - start) / N_STEPS


def main() -> None:
    for preset in sys.argv[1:] or ("mnist-text", "mnist-code", "mnist-small"):
        config = resolve(get_preset(preset).replace(device="cpu"))
        shape = make_model(config).G.shape
        x = np.random.default_rng(0).integers(0, 256, (N_IMAGES, *shape), np.uint8)
        reference, infogan = reference_loop(config, x, torch.device("cpu")), infogan_loop(config, x)
        seconds_per_step(reference), seconds_per_step(infogan)  # warm-up
        turns = [(seconds_per_step(reference), seconds_per_step(infogan)) for _ in range(N_TURNS)]
        measured_alone = bench(config)
        gflop_per_s = measured_alone["gflop_per_step"] / statistics.median(b for _, b in turns)
        measured_alone["share_of_peak_by_turns"] = gflop_per_s / measured_alone["peak_gflop_per_s"]
        measured = {
            "config": config.options(),
            "reference_images_per_s": spread([config.optimisation.batch_size / a for a, _ in turns]),
            "images_per_s": spread([config.optimisation.batch_size / b for _, b in turns]),
            "ratio": spread([a / b for a, b in turns]),
            "bench": measured_alone,
        }
        record(f"speed-{preset}", measured)


if __name__ == "__main__":
    main()
