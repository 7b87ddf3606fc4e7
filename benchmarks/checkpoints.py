"""What checkpoints cost: seconds of one, and its share of the updates between two, preset by preset.

    OMP_NUM_THREADS=2 python benchmarks/checkpoints.py

Images of chance, as only the time counts. Flushing is of the disk that the temporary folder lies on, so name
one by TMPDIR that is no memory. Writes records/checkpoints.json.
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from record import record, spread

from infogan.config.presets import PRESETS
from infogan.data import Images
from infogan.method.model import make_model
from infogan.runs.run import Run
from infogan.training.state import state_of
from infogan.training.trainer import Trainer

NAMES = ("digits", "mnist", "mnist-quick", "svhn", "celeba", "chairs-rotation", "sprites")
STEPS, SAVES, BURN_IN = 12, 7, 2


def measure(name: str, folder: Path) -> dict[str, Any]:
    config = (PRESETS[name]()).replace(device="cpu")
    shape = (2 * config.optimisation.batch_size, *config.networks.image_shape)
    images = Images.from_arrays(np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    trainer = Trainer(config, make_model(config), images)
    run = Run.create(folder / name, trainer.config, len(images))
    steps, saves = [], []
    began = time.perf_counter()
    for _ in zip(range(STEPS), trainer.fit(), strict=False):
        ended = time.perf_counter()
        steps.append(ended - began)
        began = ended
    for n in range(SAVES):
        began = time.perf_counter()
        run.save(trainer.n + n, state_of(trainer), {"config": config.to_json()})
        saves.append(time.perf_counter() - began)
    newest = run.checkpoint()
    assert newest is not None
    between = config.run.save_every * statistics.median(steps[BURN_IN:])
    return {
        "MB": newest.stat().st_size / 1e6,
        "update_s": spread(steps[BURN_IN:]),
        "checkpoint_s": spread(saves[BURN_IN:]),
        "save_every": config.run.save_every,
        "share": statistics.median(saves[BURN_IN:]) / between,
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        record("checkpoints", {name: measure(name, Path(folder)) for name in NAMES})


if __name__ == "__main__":
    main()
