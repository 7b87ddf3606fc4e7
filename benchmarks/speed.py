"""Our updates against the usual loop's, in one process, by turns.

    python benchmarks/speed.py [PRESET ...]

Images of noise, as many as MNIST has. The ratio is the median of those of neighbouring turns. Writes
benchmarks/records/speed-PRESET.json.
"""

import statistics
import sys
import time
from collections.abc import Iterator

import numpy as np
from record import record, spread
from usual import usual

from infogan.config import Config
from infogan.config.presets import get_preset
from infogan.data import Images
from infogan.method.model import make_model
from infogan.training.benchmark import bench
from infogan.training.device import resolve
from infogan.training.trainer import Trainer

TURNS, STEPS = 9, 5  # turns of each, of so many updates
N_IMAGES = 60_000


def ours(config: Config, x: np.ndarray) -> Iterator[float]:
    """Endless updates of the trainer, whose numbers are read as the command line reads them."""
    trainer = Trainer(config.replace(steps=10**9), make_model(config), Images.from_arrays(x))
    for step, metrics in trainer.fit():
        yield metrics["L_I_c1"].item() if step % config.run.log_every == 0 else 0.0


def seconds(steps: Iterator[object]) -> float:
    start = time.perf_counter()
    for _ in range(STEPS):
        next(steps)
    return (time.perf_counter() - start) / STEPS


def main() -> None:
    for preset in sys.argv[1:] or ("mnist", "mnist-code", "mnist-small"):
        config = resolve(get_preset(preset).replace(device="cpu"))
        shape = make_model(config).G.shape
        x = np.random.default_rng(0).integers(0, 256, (N_IMAGES, *shape), np.uint8)
        theirs, own = usual(config, x), ours(config, x)
        seconds(theirs), seconds(own)  # what is built once is not timed
        turns = [(seconds(theirs), seconds(own)) for _ in range(TURNS)]
        found = bench(config)
        found["share_of_peak_by_turns"] = (
            found["gflop_per_update"] / statistics.median(b for _, b in turns) / found["peak_gflop_per_s"]
        )
        measured = {
            "config": config.options(),
            "usual_images_per_s": spread([config.optimisation.batch_size / a for a, _ in turns]),
            "images_per_s": spread([config.optimisation.batch_size / b for _, b in turns]),
            "ratio": spread([a / b for a, b in turns]),
            "bench": found,
        }
        record(f"speed-{preset}", measured)


if __name__ == "__main__":
    main()
