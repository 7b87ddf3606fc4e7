"""Short trainings one after the other, in this process or, started by torchrun, in several."""

import json
import os
import sys
from typing import Any

import safetensors.torch
import torch

from infogan.config.presets import get_preset
from infogan.data import load
from infogan.method.model import make_model
from infogan.pretraining import Targets
from infogan.training.state import state_of
from infogan.training.trainer import Trainer


def train_all(trainings: list[tuple[str, str, dict[str, Any]]]) -> None:
    """Trains on `images` with `options`, and writes state and metrics to `path`, for each of these three."""
    for i, (path, images, options) in enumerate(trainings):
        if "TORCHELASTIC_RESTART_COUNT" in os.environ:  # each rendezvous has its own prefix in the store
            os.environ["TORCHELASTIC_RESTART_COUNT"] = str(i)
        config = get_preset("digits-code").replace(
            batch_size=32, steps=4, device="cpu", precision="64-true", **options
        )
        trainer = Trainer(config, make_model(config), load(images))
        if config.pretraining.steps:
            (stage,) = trainer.stages()
            list(stage.run(Targets()))
            trainer.use_targets([stage.outcome.targets])  # as if it had found clusters
        metrics = [values for _, values in trainer.fit()]
        if trainer.fabric.is_global_zero:
            of_steps = {name: torch.stack([values[name] for values in metrics]) for name in metrics[0]}
            safetensors.torch.save_file(state_of(trainer) | of_steps, path)
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


if __name__ == "__main__":
    train_all(json.loads(sys.argv[1]))
