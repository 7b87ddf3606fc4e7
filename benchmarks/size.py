"""Cost against size: time per update and peak memory against images, batch and codes; a table and a plot.

    python benchmarks/size.py

The networks of mnist; everything else is as the preset has it. Each row is a process of its own. Memory is
that of the process at most, less the interpreter's with torch imported and less the images themselves.
Encoding and sampling are timed, too: `encode` reads off all images of the row, `sample` makes 20,000.
Writes benchmarks/records/size.json and docs/images/size.png.
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
from infogan.training.device import resolve
from infogan.training.trainer import Trainer
from infogan.utils.rng import make_rng

IMAGES, BATCH, CODES = 60_000, 128, "cat:10 unif:2 noise:62"
N_CODES = (10, 25, 50, 100, 200)
ROWS = [
    *({"images": n} for n in (1_000, 10_000, 60_000, 600_000)),
    *({"batch": b} for b in (32, 64, 128, 256, 512, 1024)),
    *({"codes": f"unif:{n} noise:62"} for n in N_CODES),
]
STEPS = 11
PICTURE = Path(__file__).parents[1] / "docs" / "images" / "size.png"


def peak() -> float:
    """MiB that this process held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def one(images: int = IMAGES, batch: int = BATCH, codes: str = CODES) -> dict[str, float]:
    before = peak()
    config = resolve(get_preset("mnist").replace(device="cpu", codes=codes, batch_size=batch, steps=10**9))
    x = np.random.default_rng(0).integers(0, 256, (images, 1, 28, 28), np.uint8)
    trainer = Trainer(config, make_model(config), Images.from_arrays(x))
    steps, times = trainer.fit(), []
    for _ in range(STEPS + 2):
        start = time.perf_counter()
        next(steps)
        times.append(time.perf_counter() - start)
    used = peak() - before - x.nbytes / 2**20
    del steps  # which ends the training
    start = time.perf_counter()
    trainer.model.encode(x[:60_000])
    encoded = min(images, 60_000) / (time.perf_counter() - start)
    start = time.perf_counter()
    trainer.model.sample(20_000, make_rng(0, "size"))
    return {
        "ms_per_update": 1e3 * statistics.median(times[2:]),
        "training_mib": used,
        "images_mib": x.nbytes / 2**20,
        "encoded_per_s": encoded,
        "sampled_per_s": 20_000 / (time.perf_counter() - start),
        "whole_mib": peak() - before - x.nbytes / 2**20,
    }


def plot(rows: list[dict[str, Any]]) -> None:
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(10, 5), layout="constrained", sharey="row")
    for column, key in zip(axes.T, ("images", "batch", "codes"), strict=True):
        of_key = [row for row in rows if key in row]
        sizes = N_CODES if key == "codes" else [row[key] for row in of_key]
        for axis, value in zip(column, ("ms_per_update", "training_mib"), strict=True):
            axis.plot(sizes, [row[value] for row in of_key], "o-", color="#1f6f8b")
            axis.set_xscale("log")
            axis.set_xticks(sizes, [f"{size:,}" for size in sizes], rotation=30)
            axis.minorticks_off()
            axis.spines[["top", "right"]].set_visible(False)
        column[1].set_xlabel({"images": "images", "batch": "images in a batch", "codes": "codes"}[key])
    for axis in axes.flat:
        axis.set_ylim(bottom=0)
    axes[0, 0].set_ylabel("ms per update")
    axes[1, 0].set_ylabel("MiB beside the images")
    figure.savefig(PICTURE, dpi=110)


def main() -> None:
    if sys.argv[1:]:
        print(json.dumps(one(**json.loads(sys.argv[1]))))
        return
    rows = []
    for row in ROWS:
        line = [sys.executable, __file__, json.dumps(row)]
        done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True)
        rows.append(row | json.loads(done.stdout))
        print(rows[-1], file=sys.stderr)
    record("size", {"rows": rows})
    plot(rows)


if __name__ == "__main__":
    main()
