"""Seconds of training until L_I(c1) > 2.2 nats, by the reference loop and by ours.

    INFOGAN_DATA=FOLDER python benchmarks/time_to_bound.py [PRESET ...]

L_I(c1) is the mean over 20 steps, as in metrics.jsonl. The loops train one after the other, on real images.
Writes records/time_to_bound-PRESET.json after every run.
"""

import sys
import time
from collections.abc import Iterator

import torch
from record import record
from speed import infogan_loop

from infogan import data
from infogan.config.presets import get_preset
from infogan.training.components.device import resolve
from infogan.training.reference_loop import reference_loop

GOALS, N_AVERAGED, MAX_STEPS = (2.0, 2.2), 20, 5000
SEEDS = (0, 1)


def time_to_goals(L_I_of_steps: Iterator[float]) -> dict[str, float | int]:
    """Seconds and steps until the mean of 20 steps is above each goal."""
    start = time.perf_counter()
    times: dict[str, float | int] = {}
    window: list[float] = []
    for n, L_I in zip(range(1, MAX_STEPS + 1), L_I_of_steps, strict=False):
        window.append(L_I)
        if n % N_AVERAGED:
            continue
        mean, window = sum(window) / N_AVERAGED, []
        for goal in GOALS:
            if mean > goal and f"seconds_to_{goal}" not in times:
                seconds = round(time.perf_counter() - start, 1)
                times |= {f"seconds_to_{goal}": seconds, f"steps_to_{goal}": n}
        if mean > GOALS[-1]:
            break
    return times


def main() -> None:
    for preset in sys.argv[1:] or ("mnist-text", "mnist-code", "mnist-small", "fashion-code"):
        measured: dict[str, list[dict[str, float | int]]] = {"infogan": [], "reference": []}
        for seed in SEEDS:
            config = resolve(get_preset(preset).replace(device="cpu", seed=seed, log_every=1))
            x = data.load(config.data.images).x
            loops = {
                "infogan": infogan_loop(config, x),
                "reference": reference_loop(config, x, torch.device("cpu")),
            }
            for name, loop in loops.items():
                measured[name].append(time_to_goals(loop))
                record(f"time_to_bound-{preset}", measured)


if __name__ == "__main__":
    main()
