"""Whether torch.compile is worth it: steps with G and D compiled against ours, in one process, by turns.

    python benchmarks/torch_compile.py [PRESET]

compile_s is the time of the first steps minus that of as many later ones. Writes records/torch_compile.json.
"""

import sys
import time

import numpy as np
from record import record, spread
from speed import MAX_STEPS, N_STEPS, N_TURNS, seconds_per_step

from infogan.config.presets import get_preset
from infogan.data import Images
from infogan.method.model import make_model
from infogan.training.components.device import resolve
from infogan.training.trainer import Trainer


def main() -> None:
    preset = sys.argv[1] if len(sys.argv) > 1 else "mnist-text"
    config = resolve(get_preset(preset).replace(device="cpu", steps=MAX_STEPS))
    images = Images.from_arrays(
        np.random.default_rng(0).integers(0, 256, (4096, *config.networks.image_shape), np.uint8)
    )
    ours, compiled = (Trainer(config, make_model(config), images) for _ in range(2))
    compiled.model.G.compile()
    compiled.model.D.compile()
    steps, compiled_steps = ours.fit(), compiled.fit()
    seconds_per_step(steps)
    start = time.perf_counter()
    seconds_per_step(compiled_steps)
    first = time.perf_counter() - start
    turns = [(seconds_per_step(steps), seconds_per_step(compiled_steps)) for _ in range(N_TURNS)]
    times = spread([1e3 * b for _, b in turns])
    record(
        "torch_compile",
        {
            "preset": preset,
            "ms": spread([1e3 * a for a, _ in turns]),
            "ms_compiled": times,
            "ratio": spread([a / b for a, b in turns]),
            "compile_s": first - N_STEPS * times["median"] / 1e3,
        },
    )


if __name__ == "__main__":
    main()
