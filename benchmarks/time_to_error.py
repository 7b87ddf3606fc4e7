"""Seconds of training until a run's one-to-one error on test images is at most 5 %.

    python benchmarks/time_to_error.py PRESET [SEED ...]

Copies D every two seconds, which is not timed, and measures the error of the copies after the training, so
that labels cannot influence it. The time includes loading the images. Writes
records/time_to_error-PRESET.json.
"""

import sys
import time
from collections.abc import Iterator
from typing import Any

from record import record, spread
from torch import Tensor

from infogan.config import Config
from infogan.config.presets import get_preset
from infogan.data import load
from infogan.evaluation.clustering import one_to_one_error
from infogan.method.model import make_model
from infogan.pretraining import Targets
from infogan.runs.weights import subset
from infogan.training.state import state_of
from infogan.training.trainer import Trainer

INTERVAL, GOAL = 2.0, 0.05  # seconds between copies; error


def main() -> None:
    preset, *seeds = sys.argv[1:]
    runs = [curve(get_preset(preset).replace(seed=int(seed))) for seed in seeds or ["0", "1", "2"]]
    reached = [run["seconds_to_goal"] for run in runs if run["seconds_to_goal"] is not None]
    summary: dict[str, Any] = {"goal": GOAL, "reached": len(reached), "of": len(runs)}
    if reached:
        summary["seconds"] = spread(reached)
    record(f"time_to_error-{preset}", {"preset": preset, **summary, "runs": runs})


def curve(config: Config) -> dict[str, Any]:
    """The error of one run over time."""
    copies: list[tuple[float, dict[str, Tensor]]] = []
    start, not_timed, last = time.perf_counter(), 0.0, 0.0  # seconds
    for trainer in training(config):
        now = time.perf_counter()
        seconds = now - start - not_timed
        if seconds - last >= INTERVAL:
            state = state_of(trainer)
            weights = subset(state, "D_ema") or subset(state, "D")
            copies.append((seconds, {name: value.clone() for name, value in weights.items()}))
            last = seconds
        not_timed += time.perf_counter() - now
    images, model = load(config.data.images, "test"), make_model(config)
    assert images.labels is not None
    points = []
    for seconds, weights in copies:
        model.D.load_state_dict(weights)
        model.D.eval()
        category = model.encode(images.pixels).values[:, 0].long().numpy()
        points.append((round(seconds, 2), one_to_one_error(images.labels.numbers, category)))
    goal = next((seconds for seconds, error in points if error <= GOAL), None)
    print(f"seed {config.run.seed}: {goal} s to {GOAL:.0%}; {points[-1][1]:.4f} after {points[-1][0]:.0f} s")
    return {"seed": config.run.seed, "seconds_to_goal": goal, "curve": points}


def training(config: Config) -> Iterator[Trainer]:
    """Yields the trainer after each step of pretraining, which does not train Q, and of training."""
    images = load(config.data.images)
    trainer = Trainer(config, make_model(config), images)
    if config.pretraining.steps:
        (stage,) = trainer.stages()
        for _ in stage.run(Targets()):
            yield trainer
        trainer.use_targets([stage.outcome.targets])
    for _ in trainer.fit():
        yield trainer


if __name__ == "__main__":
    main()
