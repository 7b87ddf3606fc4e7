"""What several processes bring: images a second by one and by two, each of one thread and the same part.

    OMP_NUM_THREADS=1 python benchmarks/replicas.py

So twice the batch with two; images of chance, as only the time counts. Communication is the gradients of both
steps, reduced once each, from the call to its return, waiting for the other process included. Writes
records/replicas.json.
"""

import json
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from record import record, spread

from infogan.data import Images
from infogan.model import make_model
from infogan.presets import PRESETS
from infogan.train import Trainer

NAMES = ("mnist", "svhn")
UPDATES, BURN_IN, ROUNDS = 14, 4, 3


def measure(name: str, batch: int, statistics: Literal["whole", "part"]) -> dict[str, Any]:
    """Run in every process; only what the first one says is read."""
    from infogan import replicas

    spent: list[float] = []
    sent: list[int] = []
    reduce = replicas.sum_over_replicas

    def timed(tensors: list[Any]) -> None:
        began = time.perf_counter()
        reduce(tensors)
        spent.append(time.perf_counter() - began)
        sent.append(sum(t.numel() * 4 for t in tensors))

    replicas.sum_over_replicas = timed
    config = replace(PRESETS[name](), device="cpu", batch=batch, batch_statistics=statistics)
    shape = (2 * batch, *config.net_shape)
    images = Images.stored(np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    trainer = Trainer(config, make_model(config), images)
    times = []
    began = time.perf_counter()
    for _ in zip(range(UPDATES), trainer.fit(), strict=False):
        times.append(time.perf_counter() - began)
        began = time.perf_counter()
    kept = times[BURN_IN:]
    update = sorted(kept)[len(kept) // 2]
    return {
        "images_per_s": batch / update,
        "reduce_s": sum(spent[2 * BURN_IN :]) / len(kept),
        "reduced_MB": sum(sent[-2:]) / 1e6,
    }


def run(processes: int, *args: str) -> dict[str, Any]:
    start = [sys.executable]
    if processes > 1:
        start += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    done = subprocess.run([*start, __file__, *args], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[0])
    return found


def main() -> None:
    if len(sys.argv) > 1:
        name, batch, statistics = sys.argv[1:]
        print(json.dumps(measure(name, int(batch), "whole" if statistics == "whole" else "part")), flush=True)
        return
    measured: dict[str, Any] = {}
    for name in NAMES:
        part = PRESETS[name]().batch
        rounds = []
        for _ in range(ROUNDS):  # in turn, so that a busy minute is nobody's own
            rounds.append(
                {
                    "one": run(1, name, str(part), "whole"),
                    "two, statistics of the whole": run(2, name, str(2 * part), "whole"),
                    "two, of a part": run(2, name, str(2 * part), "part"),
                }
            )
        measured[name] = {
            how: {key: spread([r[how][key] for r in rounds]) for key in rounds[0][how]} for how in rounds[0]
        }
        for how in list(rounds[0])[1:]:
            ratios = [r[how]["images_per_s"] / r["one"]["images_per_s"] for r in rounds]
            measured[name][how]["times_one"] = spread(ratios)
    record("replicas", measured)


if __name__ == "__main__":
    main()
