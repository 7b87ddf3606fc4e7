"""Adversarial training with another weight of the targets, on the targets that finished runs have found.

    infogan sweep mnist --seed 120 --seeds 2
    python benchmarks/target_weights.py 1 5 runs/mnist-120 runs/mnist-121

Stages before adversarial training take most of the time of `mnist`, and this repeats none of them: only what
comes after them, with each weight, in runs/target-weights/RUN-WEIGHT. What is there already is scored and not
trained again. 1-1 error of c1 and FID on the test images; labels serve these scores alone. Writes
records/target-weights.json.
"""

import sys
from pathlib import Path
from typing import Any

import safetensors.torch
from record import record

from infogan.evaluation import evaluate_run
from infogan.method.model import make_model
from infogan.pretraining import Targets
from infogan.runs.checkpoints import write_checkpoint
from infogan.runs.run import Run
from infogan.training.state import state_of
from infogan.training.trainer import Trainer

OUT = Path("runs/target-weights")


def retrain(run: Run, weight: float, path: Path) -> Run:
    config = run.config.replace(pseudo_label_weight=weight)
    images = run.images()
    state = safetensors.torch.load_file(max(run.checkpoints.glob("*.safetensors")))
    found = {int(name.split(".")[1]): value for name, value in state.items() if name.startswith("targets.")}
    trainer = Trainer(config, make_model(config), images)
    trainer.use_targets([Targets(found)])
    for step, _ in trainer.fit():
        if step % 100 == 0:
            print(f"{path}: {step} of {config.optimisation.steps} steps", flush=True)
    new = Run.create(path, config, n_images=len(images))
    (new.path / "metrics.jsonl").touch()
    write_checkpoint(new.checkpoints, config.optimisation.steps, state_of(trainer), {})
    return new


def main() -> None:
    weights = [word for word in sys.argv[1:] if word.replace(".", "").isdigit()]
    rows: dict[str, Any] = {}
    for run in (Run.open(Path(word)) for word in sys.argv[1:] if word not in weights):
        for weight in weights:
            path = OUT / f"{run.path.name}-{weight}"
            new = Run.open(path) if path.exists() else retrain(run, float(weight), path)
            scores = evaluate_run(new, groups=("clustering", "image-quality"))["test"]
            rows[path.name] = {
                "error": round(float(scores["one_to_one_error"]["value"]), 4),
                "fid": round(float(scores["fid[mnist-classifier]"]["value"]), 3),
            }
            print(path.name, rows[path.name], flush=True)
    record("target-weights", {"runs": rows})


if __name__ == "__main__":
    main()
