"""Time and memory of an update by the size of images, and the parameters: the network `small` in colour.

    OMP_NUM_THREADS=1 python benchmarks/sizes.py [UPDATES]

The defaults of your own images without stages, batches of 64; the median of 7 updates, or of UPDATES, after
one to warm up. Each size is measured in a new process. Memory is the process's peak without the interpreter,
torch and the images. Writes records/sizes.json.
"""

import json
import resource
import statistics
import subprocess
import sys
import time

import numpy as np
from record import record

from infogan.config.presets import custom_images
from infogan.data import Images
from infogan.method.model import make_model
from infogan.training.components.device import resolve
from infogan.training.trainer import Trainer

SIZES = ((32, 32), (64, 64), (128, 96), (128, 128), (256, 256))  # width, height
N_IMAGES, BATCH_SIZE = 128, 64
N_UPDATES = 7


def peak_memory() -> float:
    """Of this process, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(width: int, height: int, n_updates: int) -> dict[str, object]:
    before, shape = peak_memory(), (3, height, width)
    config = custom_images("folder:photos", N_IMAGES, shape)
    config = resolve(config.replace(device="cpu", batch_size=BATCH_SIZE, diffaug=False, steps=10**9))
    x = np.random.default_rng(0).integers(0, 256, (N_IMAGES, *shape), np.uint8)
    trainer = Trainer(config, make_model(config), Images.from_arrays(x))
    steps, times = trainer.fit(), []
    for _ in range(1 + n_updates):
        start = time.perf_counter()
        next(steps)
        times.append(time.perf_counter() - start)
    model = trainer.model
    return {
        "width": width,
        "height": height,
        "seconds_per_update": statistics.median(times[1:]),
        "updates": n_updates,
        "parameters_g": sum(p.numel() for p in model.G.parameters()),
        "parameters_d_q": sum(p.numel() for p in model.D.parameters()),
        "mib": peak_memory() - before - x.nbytes / 2**20,
    }


def main() -> None:
    if len(sys.argv) > 2:
        print(json.dumps(measure(*map(int, sys.argv[1:]))))
        return
    n_updates = sys.argv[1] if sys.argv[1:] else str(N_UPDATES)
    rows = []
    for size in SIZES:
        command = [sys.executable, __file__, *map(str, size), n_updates]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        rows.append(json.loads(done.stdout))
        print(rows[-1], file=sys.stderr)
    record("sizes", {"batch_size": BATCH_SIZE, "rows": rows})


if __name__ == "__main__":
    main()
