"""Seconds until a run reads the categories of test images with 5 % error, measured afterwards.

    python benchmarks/until.py mnist-quick [SEED ...]

Every two seconds of training D and Q are put aside, which is not timed; their errors are measured once the
run is over, so that no label steers it. Seconds count from before the images are read. Errors are one-to-one
on the test split. Writes benchmarks/records/until-PRESET.json.
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
from infogan.runs.weights import subset
from infogan.training.state import state_of
from infogan.training.trainer import Trainer

EVERY, GOAL = 2.0, 0.05


def main() -> None:
    preset, *seeds = sys.argv[1:]
    runs = [curve(get_preset(preset).replace(seed=int(seed))) for seed in seeds or ["0", "1", "2"]]
    reached = [run["seconds_to_goal"] for run in runs if run["seconds_to_goal"] is not None]
    summary: dict[str, Any] = {"goal": GOAL, "reached": len(reached), "of": len(runs)}
    if reached:
        summary["seconds"] = spread(reached)
    record(f"until-{preset}", {"preset": preset, **summary, "runs": runs})


def curve(config: Config) -> dict[str, Any]:
    """The error over the seconds of one run."""
    aside: list[tuple[float, dict[str, Tensor]]] = []
    began, timed_out, last = time.perf_counter(), 0.0, 0.0
    for trainer in training(config):
        now = time.perf_counter()
        seconds = now - began - timed_out
        if seconds - last >= EVERY:
            state = state_of(trainer)
            weights = subset(state, "D_ema") or subset(state, "D")
            aside.append((seconds, {name: value.clone() for name, value in weights.items()}))
            last = seconds
        timed_out += time.perf_counter() - now
    images, model = load(config.data.images, "test"), make_model(config)
    assert images.labels is not None
    points = []
    for seconds, weights in aside:
        model.D.load_state_dict(weights)
        model.D.eval()
        category = model.encode(images.pixels).values[:, 0].long().numpy()
        points.append((round(seconds, 2), one_to_one_error(images.labels, category)))
    goal = next((seconds for seconds, error in points if error <= GOAL), None)
    print(f"seed {config.run.seed}: {goal} s to {GOAL:.0%}; {points[-1][1]:.4f} after {points[-1][0]:.0f} s")
    return {"seed": config.run.seed, "seconds_to_goal": goal, "curve": points}


def training(config: Config) -> Iterator[Trainer]:
    """The trainer, after each step of pretraining, in which Q learns nothing yet, and of training."""
    images = load(config.data.images)
    trainer = Trainer(config, make_model(config), images)
    if config.pretraining.steps:
        (stage,) = trainer.stages()
        for _ in stage.run():
            yield trainer
        trainer.use_targets([stage.outcome.targets] if stage.outcome.targets else [])
    for _ in trainer.fit():
        yield trainer


if __name__ == "__main__":
    main()
