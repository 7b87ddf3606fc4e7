"""Whether torch.compile would pay: updates with G and D compiled against ours, in one process, by turns.

    python benchmarks/compiled.py [PRESET]

Writes benchmarks/records/compiled.json; compile_s is the time of the first updates, less that of as many
later ones.
"""

import sys
import time

import numpy as np
from record import record, spread
from speed import STEPS, TURNS, seconds

from infogan.config.presets import get_preset
from infogan.data import Images
from infogan.method.model import make_model
from infogan.training.device import resolve
from infogan.training.trainer import Trainer


def main() -> None:
    preset = sys.argv[1] if len(sys.argv) > 1 else "mnist"
    config = resolve(get_preset(preset).replace(device="cpu", steps=10**9))
    x = Images.from_arrays(np.random.default_rng(0).integers(0, 256, (4096, 1, 28, 28), np.uint8))
    ours, compiled = (Trainer(config, make_model(config), x) for _ in range(2))
    compiled.model.G.compile()
    compiled.model.D.compile()
    as_is, other = ours.fit(), compiled.fit()
    seconds(as_is)
    start = time.perf_counter()
    seconds(other)
    first = time.perf_counter() - start
    turns = [(seconds(as_is), seconds(other)) for _ in range(TURNS)]
    times = spread([1e3 * b for _, b in turns])
    record(
        "compiled",
        {
            "preset": preset,
            "ms": spread([1e3 * a for a, _ in turns]),
            "ms_compiled": times,
            "ratio": spread([a / b for a, b in turns]),
            "compile_s": first - STEPS * times["median"] / 1e3,
        },
    )


if __name__ == "__main__":
    main()
