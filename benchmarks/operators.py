"""Where the time of a step goes, by operator and by the shapes it is given.

    OMP_NUM_THREADS=2 python benchmarks/operators.py

For an update of `mnist-code` (Table 1's networks) and of `mnist`, a step of the latter's clustering, and a
step of the autoencoder of `faces`, on images of noise, with PyTorch's profiler. Times are an operator's own,
without those that it calls. Writes records/operators.json.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from record import record
from torch.profiler import ProfilerActivity, profile

from infogan.config import Config
from infogan.config.presets import get_preset
from infogan.data import Images
from infogan.method.model import make_model
from infogan.pretraining import Targets
from infogan.training.trainer import Trainer

N_IMAGES, N_WARM_UP, N_STEPS, N_ROWS = 4096, 4, 8, 12
WITHOUT_STAGES: dict[str, Any] = {
    "pretraining_steps": 0,
    "transforms": "",
    "knobs": "",
    "factor_steps": 0,
    "mirror": None,
}


def make_trainer(config: Config) -> Trainer:
    x = np.random.default_rng(0).integers(0, 256, (N_IMAGES, *config.networks.image_shape), np.uint8)
    return Trainer(config, make_model(config), Images.from_arrays(x))


def updates(preset: str) -> Iterator[object]:
    config = get_preset(preset).replace(device="cpu", steps=10**9, **WITHOUT_STAGES)
    yield from make_trainer(config).fit()


def stage_steps(preset: str, **changes: Any) -> Iterator[object]:
    (stage,) = make_trainer(get_preset(preset).replace(device="cpu", **changes)).stages()
    yield from stage.run(Targets())


def profiled(steps: Iterator[object]) -> dict[str, Any]:
    """Milliseconds of a step, and the shares of its operators, the largest first."""
    for _ in itertools.islice(steps, N_WARM_UP):
        pass
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as profiler:
        for _ in itertools.islice(steps, N_STEPS):
            pass
    by_operator = profiler.key_averages()
    total = sum(event.self_cpu_time_total for event in by_operator)
    return {
        "ms": total / N_STEPS / 1000,
        "operators": [
            {"operator": event.key, "share": event.self_cpu_time_total / total}
            for event in sorted(by_operator, key=lambda event: -event.self_cpu_time_total)[:N_ROWS]
        ],
        "shapes": [
            {
                "operator": event.key,
                "shapes": [shape for shape in event.input_shapes if shape],
                "share": event.self_cpu_time_total / total,
            }
            for event in sorted(
                profiler.key_averages(group_by_input_shape=True), key=lambda event: -event.self_cpu_time_total
            )[:N_ROWS]
        ],
    }


def main() -> None:
    steps = {
        "update of mnist-code": updates("mnist-code"),
        "update of mnist": updates("mnist"),
        "clustering of mnist": stage_steps("mnist", knobs=""),
        "autoencoding of faces": stage_steps("faces", knobs=""),
    }
    found = {name: profiled(each) for name, each in steps.items()}
    record("operators", {"threads": torch.get_num_threads(), "steps": found})


if __name__ == "__main__":
    main()
