"""How many categories cat:auto finds, and the curves that it reads them off.

    python benchmarks/category_counts.py digits mnist-quick sprites

runs the first part of the clustering for three seeds, on at most 6,000 images of each preset (of sprites with
small transforms, 300 steps), and merges its over-clusters into 2 to 20 clusters. Writes
records/category-counts.json.
"""

import sys
from typing import Any

from record import record

from infogan.config.presets import get_preset
from infogan.data import load
from infogan.method.model import make_model
from infogan.pretraining.clustering import Clustering
from infogan.pretraining.clustering.count import Curve, count_clusters
from infogan.training.trainer import Trainer

SEEDS, MAX_IMAGES = (0, 1, 2), 6_000
SPRITES = {"transforms": "rotate:0.3 scale:0.1 translate:0.05", "pretraining_steps": 300}


def measure(preset: str, seed: int) -> dict[str, Any]:
    config = get_preset(preset).replace(device="cpu", seed=seed, knobs="", codes="cat:10 unif:1 noise:8")
    config = config.replace(lam=(1.0,), **(SPRITES if preset == "sprites" else {}))
    images = load(config.data.images).subsample(MAX_IMAGES)
    (stage,) = Trainer(config, make_model(config), images).stages()
    assert isinstance(stage, Clustering)
    counting = count_clusters(stage)
    while True:
        try:
            next(counting)
        except StopIteration as end:
            curve: Curve = end.value
            print(preset, seed, curve.message, flush=True)
            return curve.to_json()


def main() -> None:
    rows = {preset: {seed: measure(preset, seed) for seed in SEEDS} for preset in sys.argv[1:]}
    record("category-counts", {"images": MAX_IMAGES, "found": rows})


if __name__ == "__main__":
    main()
