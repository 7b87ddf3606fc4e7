"""Time to quality: seconds of training until L_I(c1) > 2.2 nats, the usual loop's and ours.

    INFOGAN_DATA=FOLDER python benchmarks/quality.py [PRESET ...]

L_I(c1) is the mean over 20 updates, as in metrics.jsonl. Each loop trains by itself, one after the other, on
the real images. Writes benchmarks/records/quality-PRESET.json after every run.
"""

import sys
import time
from collections.abc import Iterator

from record import record
from speed import ours
from usual import usual

from infogan import data
from infogan.config.presets import get_preset
from infogan.training.device import resolve

GOAL, WINDOW, MOST = 2.2, 20, 5000
SEEDS = (0, 1)


def reach(steps: Iterator[float]) -> dict[str, float | int | None]:
    """Seconds and updates until the mean of a window is above 2.0, and above the goal."""
    start = time.perf_counter()
    found: dict[str, float | int | None] = {}
    gathered: list[float] = []
    for n, L_I in zip(range(1, MOST + 1), steps, strict=False):
        gathered.append(L_I)
        if n % WINDOW:
            continue
        mean, gathered = sum(gathered) / WINDOW, []
        for goal in (2.0, GOAL):
            if mean > goal and f"seconds_to_{goal}" not in found:
                found |= {
                    f"seconds_to_{goal}": round(time.perf_counter() - start, 1),
                    f"updates_to_{goal}": n,
                }
        if mean > GOAL:
            break
    return found


def main() -> None:
    for preset in sys.argv[1:] or ("mnist", "mnist-code", "mnist-small", "fashion"):
        measured: dict[str, list[dict[str, float | int | None]]] = {"ours": [], "usual": []}
        for seed in SEEDS:
            config = resolve(get_preset(preset).replace(device="cpu", seed=seed, log_every=1))
            x = data.load(config.data.images).x
            for name, loop in (("ours", ours), ("usual", usual)):
                measured[name].append(reach(loop(config, x)))
                record(f"quality-{preset}", measured)


if __name__ == "__main__":
    main()
