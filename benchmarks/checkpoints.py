"""What checkpoints cost: seconds of one, and its share of the steps between two, for each preset.

    OMP_NUM_THREADS=2 python benchmarks/checkpoints.py [PRESET ...]

On random images. The time depends on the disk of the temporary folder, so set TMPDIR to one that is not in
memory. Writes records/checkpoints.json.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from record import record, spread

from infogan.config.presets import get_preset
from infogan.data import Images
from infogan.method.model import make_model
from infogan.runs.run import Run
from infogan.training.state import state_of
from infogan.training.trainer import Trainer

NAMES = ("digits", "mnist-text", "mnist-quick", "svhn-paper", "celeba-paper", "chairs-paper", "sprites")
N_STEPS, N_SAVES, N_WARM_UP = 12, 7, 2


def measure(name: str, folder: Path) -> dict[str, Any]:
    config = get_preset(name).replace(device="cpu")
    shape = (2 * config.optimisation.batch_size, *config.networks.image_shape)
    images = Images.from_arrays(np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    trainer = Trainer(config, make_model(config), images)
    run = Run.create(folder / name, trainer.config, len(images))
    steps, saves = [], []  # seconds
    began = time.perf_counter()
    for _ in zip(range(N_STEPS), trainer.fit(), strict=False):
        ended = time.perf_counter()
        steps.append(ended - began)
        began = ended
    for n in range(N_SAVES):
        began = time.perf_counter()
        run.save(trainer.n + n, state_of(trainer), {"config": config.to_json()})
        saves.append(time.perf_counter() - began)
    newest = run.checkpoint()
    assert newest is not None
    seconds_between = config.run.save_every * statistics.median(steps[N_WARM_UP:])
    return {
        "MB": newest.stat().st_size / 1e6,
        "step_s": spread(steps[N_WARM_UP:]),
        "checkpoint_s": spread(saves[N_WARM_UP:]),
        "save_every": config.run.save_every,
        "share": statistics.median(saves[N_WARM_UP:]) / seconds_between,
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        names = sys.argv[1:] or NAMES
        record("checkpoints", {name: measure(name, Path(folder)) for name in names})


if __name__ == "__main__":
    main()
