"""How much of its fair share a training keeps beside busy processes, for ways to wait and numbers of threads.

    python benchmarks/busy_neighbours.py [PRESET]

Trains a preset (mnist by default) beside 0, 1 and 3 busy single-threaded processes, each way in a new process
and all of them by turns. The fair share beside n busy processes on p processors is p / (2 + n), at most 1, of
the speed of the fastest way alone: that of two threads among 2 + n that all have the same time.

Writes records/busy-neighbours.json. Run nothing beside it.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

from record import record

NEIGHBOURS = (0, 1, 3)
SECONDS, ROUNDS = 6.0, 3
WAYS: dict[str, dict[str, str]] = {  # environment of each way; the first is what `infogan` sets
    "2 threads, spin 10000": {
        "OMP_NUM_THREADS": "2",
        "OMP_WAIT_POLICY": "PASSIVE",
        "GOMP_SPINCOUNT": "10000",
    },
    "2 threads, spin 10000, bound": {
        "OMP_NUM_THREADS": "2",
        "OMP_WAIT_POLICY": "PASSIVE",
        "GOMP_SPINCOUNT": "10000",
        "OMP_PROC_BIND": "true",
    },
    "1 thread": {"OMP_NUM_THREADS": "1"},
}
BUSY = "while True: pass"


def images_per_s(preset: str) -> float:
    """The speed of this process over some seconds, after a burn-in."""
    import numpy as np

    from infogan.config.presets import get_preset
    from infogan.data import Images
    from infogan.method.model import make_model
    from infogan.training.trainer import Trainer

    config = get_preset(preset).replace(steps=10**9, device="cpu")
    noise = np.random.default_rng(0).integers(0, 256, (4096, *config.networks.image_shape), np.uint8)
    steps = Trainer(config, make_model(config), Images.from_arrays(noise)).fit()
    for _ in range(5):
        next(steps)
    n, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < SECONDS:
        next(steps)
        n += 1
    return n * config.optimisation.batch_size / spent


def measured(preset: str, way: str, neighbours: int) -> float:
    busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(neighbours)]
    try:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_"))}
        done = subprocess.run(
            [sys.executable, __file__, preset, "alone"],
            env={**environment, **WAYS[way]},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return float(done.stdout)
    finally:
        for process in busy:
            process.kill()
            process.wait()


def main() -> None:
    preset = sys.argv[1] if len(sys.argv) > 1 else "mnist"
    if len(sys.argv) > 2:
        print(images_per_s(preset))
        return
    found: dict[str, dict[int, list[float]]] = {way: {n: [] for n in NEIGHBOURS} for way in WAYS}
    for _ in range(ROUNDS):
        for way in WAYS:
            for n in NEIGHBOURS:
                found[way][n].append(measured(preset, way, n))
                print(f"{way}, {n} neighbours: {found[way][n][-1]:.0f} images/s", flush=True)
    processors = len(os.sched_getaffinity(0))
    fastest = max(statistics.median(of[0]) for of in found.values())
    rows: list[dict[str, Any]] = []
    for way, of in found.items():
        for n, values in of.items():
            share = processors / max(processors, 2 + n)  # of the fastest way alone, with two threads
            median = statistics.median(values)
            rows.append(
                {
                    "way": way,
                    "neighbours": n,
                    "images_per_s": median,
                    "low": min(values),
                    "high": max(values),
                    "of_fair_share": median / (fastest * share),
                }
            )
            print(json.dumps(rows[-1]))
    record("busy-neighbours", {"preset": preset, "processors": processors, "rows": rows})


if __name__ == "__main__":
    main()
