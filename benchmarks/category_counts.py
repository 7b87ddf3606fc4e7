"""How many categories cat:auto finds, and the curves that it reads them off.

    python benchmarks/category_counts.py digits mnist-quick sprites fashion

runs the first part of the clustering for eight seeds, on at most 6,000 images of each preset (of sprites with
small transforms, 300 steps), and merges its over-clusters into 2 to 20 clusters. Writes
records/category-counts.json.
"""

import sys
from typing import Any

from record import record

from infogan.config.presets import get_preset
from infogan.data import DEFAULT_OPTIONS, load
from infogan.data.options import load_options_for
from infogan.method.model import make_model
from infogan.pretraining.clustering import Clustering
from infogan.pretraining.clustering.count import Curve, count_clusters
from infogan.training.trainer import Trainer

SEEDS, MAX_IMAGES = range(8), 6_000  # the rule was chosen on the first three
SPRITES = {"transforms": "rotate:0.3 scale:0.1 translate:0.05", "pretraining_steps": 300}


def measure(preset: str, seed: int) -> dict[str, Any]:
    alone = {"knobs": "", "codes": "cat:10 unif:1 noise:8", "lam": (1.0,)}
    config = get_preset(preset).replace(device="cpu", seed=seed, **alone)
    config = config.replace(**(SPRITES if preset == "sprites" else {}))
    images = load(config.data.images, load_options=load_options_for(config, DEFAULT_OPTIONS))
    images = images.subsample(MAX_IMAGES)
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
    found: dict[str, dict[int, Any]] = {}
    for preset in sys.argv[1:]:
        for seed in SEEDS:
            found.setdefault(preset, {})[seed] = measure(preset, seed)
            record("category-counts", {"images": MAX_IMAGES, "found": found})


if __name__ == "__main__":
    main()
