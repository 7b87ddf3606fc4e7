"""Time per step and peak memory by number of images, batch size and number of codes; a table and a plot.

    python benchmarks/size.py

With the preset mnist-text. Each row is measured in a new process. Memory is the process's peak without the
interpreter, torch and the images. Encoding all images and sampling 20,000 are measured too. Writes
records/size.json and docs/images/size.png.
"""

import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from record import record

from infogan.config.presets import get_preset
from infogan.data import Images
from infogan.method.model import make_model
from infogan.training.components.device import resolve
from infogan.training.trainer import Trainer
from infogan.utils.rng import make_rng

N_IMAGES, BATCH_SIZE, CODES = 60_000, 128, "cat:10 unif:2 noise:62"
N_CODES = (10, 25, 50, 100, 200)
ROWS = [
    *({"images": n} for n in (1_000, 10_000, 60_000, 600_000)),
    *({"batch_size": b} for b in (32, 64, 128, 256, 512, 1024)),
    *({"codes": f"unif:{n} noise:62"} for n in N_CODES),
]
N_STEPS, N_WARM_UP = 11, 2
PLOT = Path(__file__).parents[1] / "docs" / "images" / "size.png"


def peak_memory() -> float:
    """Of this process, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(images: int = N_IMAGES, batch_size: int = BATCH_SIZE, codes: str = CODES) -> dict[str, float]:
    before = peak_memory()
    preset = get_preset("mnist-text")
    config = resolve(preset.replace(device="cpu", codes=codes, batch_size=batch_size, steps=10**9))
    x = np.random.default_rng(0).integers(0, 256, (images, 1, 28, 28), np.uint8)
    trainer = Trainer(config, make_model(config), Images.from_arrays(x))
    steps, times = trainer.fit(), []
    for _ in range(N_STEPS + N_WARM_UP):
        start = time.perf_counter()
        next(steps)
        times.append(time.perf_counter() - start)
    used = peak_memory() - before - x.nbytes / 2**20
    del steps  # ends the training
    start = time.perf_counter()
    trainer.model.encode(x[:60_000])
    encoded = min(images, 60_000) / (time.perf_counter() - start)
    start = time.perf_counter()
    trainer.model.sample(20_000, make_rng(0, "size"))
    return {
        "ms_per_step": 1e3 * statistics.median(times[N_WARM_UP:]),
        "training_mib": used,
        "images_mib": x.nbytes / 2**20,
        "encoded_per_s": encoded,
        "sampled_per_s": 20_000 / (time.perf_counter() - start),
        "whole_mib": peak_memory() - before - x.nbytes / 2**20,
    }


def plot(rows: list[dict[str, Any]]) -> None:
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(10, 5), layout="constrained", sharey="row")
    for column, key in zip(axes.T, ("images", "batch_size", "codes"), strict=True):
        of_key = [row for row in rows if key in row]
        sizes = N_CODES if key == "codes" else [row[key] for row in of_key]
        for axis, value in zip(column, ("ms_per_step", "training_mib"), strict=True):
            axis.plot(sizes, [row[value] for row in of_key], "o-", color="#1f6f8b")
            axis.set_xscale("log")
            axis.set_xticks(sizes, [f"{size:,}" for size in sizes], rotation=30)
            axis.minorticks_off()
            axis.spines[["top", "right"]].set_visible(False)
        column[1].set_xlabel({"images": "images", "batch_size": "batch size", "codes": "codes"}[key])
    for axis in axes.flat:
        axis.set_ylim(bottom=0)
    axes[0, 0].set_ylabel("ms per step")
    axes[1, 0].set_ylabel("MiB without the images")
    figure.savefig(PLOT, dpi=110)


def main() -> None:
    if sys.argv[1:]:
        print(json.dumps(measure(**json.loads(sys.argv[1]))))
        return
    rows = []
    for row in ROWS:
        command = [sys.executable, __file__, json.dumps(row)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        rows.append(row | json.loads(done.stdout))
        print(rows[-1], file=sys.stderr)
    record("size", {"rows": rows})
    plot(rows)


if __name__ == "__main__":
    main()
