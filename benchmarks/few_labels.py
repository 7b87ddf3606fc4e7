"""How well a few labels name what clustering found: the error of the targets that Q then learns from.

    python benchmarks/few_labels.py mnist 0
    python benchmarks/few_labels.py digits 0 1 2

runs the clustering of a preset, without knobs, for each seed (on MNIST a quarter of an hour on one core; what
it found is kept in runs/few-labels-PRESET-SEED.npz), then draws 1, 2, 5 and 10 labels a class ten times,
the same draws for every seed. The error is that of the most likely category of each image, category i being
class i. Test images are read like images without a label that labels do not spread over; the clustering saw
none of them. Adversarial training does not take part. Beside it stands the error of clusters that labels name
one to one, without spreading. Writes records/few-labels-PRESET.json.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from record import record, spread

from infogan.config.presets import get_preset
from infogan.data import load
from infogan.data.labels import UNKNOWN, Labels
from infogan.method.model import make_model
from infogan.pretraining import Targets
from infogan.pretraining.clustering import Clustering
from infogan.pretraining.clustering.label_spreading import assign_categories, embed, neighbours, spread_labels
from infogan.pretraining.clustering.neighbours import CHUNK
from infogan.training.trainer import Trainer

PER_CLASS = (1, 2, 5, 10)
N_DRAWS = 10


def cluster(preset: str, seed: int, file: Path) -> None:
    """Clusters the training images; writes p(k|x) and the features of these and of the test images."""
    config = get_preset(preset).replace(knobs="", device="cpu", seed=seed)
    train, test = load(config.data.images), load(config.data.images, "test")
    (stage,) = Trainer(config, make_model(config), train).stages()
    assert isinstance(stage, Clustering)
    for _ in stage.run(Targets()):
        pass
    print(seed, stage.outcome.message, flush=True)
    tables, features = [], []
    with torch.no_grad():
        for images in (train, test):
            for index in torch.split(torch.arange(len(images)), CHUNK):
                x = stage.to_range(images.pixels.take(index)).to(stage.dtype)
                tables.append(stage.D(x).q[stage.code].float().softmax(dim=1))
                features.append(stage.D.q_trunk(x).float())
    file.parent.mkdir(exist_ok=True)
    table, looks = torch.cat(tables).numpy(), torch.cat(features).numpy()
    np.savez(file, message=np.array(stage.outcome.message), table=table, features=looks)


def measure(preset: str, seed: int) -> dict[str, Any]:
    file = Path("runs") / f"few-labels-{preset}-{seed}.npz"
    if not file.is_file():
        cluster(preset, seed, file)
    images = get_preset(preset).data.images
    given = [load(images, split).labels for split in ("train", "test")]
    y = np.concatenate([labels.numbers for labels in given if labels])
    n = len(given[0]) if given[0] else 0
    with np.load(file) as found:
        table, features = torch.from_numpy(found["table"]), found["features"].astype(np.float32)
        message = str(found["message"])
    nodes, classes = torch.arange(n), np.unique(y)
    near = torch.cat(list(neighbours(torch.from_numpy(embed(features)), nodes)))
    rows: dict[str, Any] = {"message": message}
    for per_class in PER_CLASS:
        errors: dict[str, list[float]] = {}
        for draw in range(N_DRAWS):
            rng, numbers = np.random.default_rng(draw), np.full(len(y), UNKNOWN)
            for c in classes:
                numbers[rng.choice(np.flatnonzero(y[:n] == c), per_class, replace=False)] = c
            labels = Labels(numbers, tuple(map(str, classes)))
            named = {
                "spread": spread_labels(table, labels, nodes, near),
                "one to one": table[:, torch.from_numpy(assign_categories(table, labels))],
            }
            for how, found_table in named.items():
                is_wrong = found_table.argmax(dim=1).numpy() != y
                errors.setdefault(f"{how}, train", []).append(float(is_wrong[:n].mean()))
                errors.setdefault(f"{how}, test", []).append(float(is_wrong[n:].mean()))
        n_labels = per_class * len(classes)
        rows[f"{n_labels} labels"] = {
            how: {**spread(values), "draws": values} for how, values in errors.items()
        }
        print(seed, n_labels, {how: spread(values) for how, values in errors.items()}, flush=True)
    return rows


def main() -> None:
    preset, *seeds = sys.argv[1:]
    rows = {seed: measure(preset, int(seed)) for seed in seeds}
    record(f"few-labels-{preset}", {"draws": N_DRAWS, "seeds": rows})


if __name__ == "__main__":
    main()
