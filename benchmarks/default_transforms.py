"""What clustering finds under the mild transforms that your own images have by default.

    INFOGAN_DATA=FOLDER python benchmarks/default_transforms.py digits mnist svhn celeba modelnet-chairs

The stage alone, as `infogan train folder:PATH` runs it, on at most 10,000 images of each data set, seeds 0
and 1: the stability of its partitions, below 0.75 of which no clusters are used, and the NMI of the clusters
with the classes, beside that of k-means on pixels. Labels serve these scores alone. Writes
records/default-transforms.json.
"""

import sys
import time
from typing import Any

from record import record
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score

from infogan.config.presets import custom_images
from infogan.data import Images, load
from infogan.method.model import make_model
from infogan.pretraining import Targets
from infogan.pretraining.clustering import Clustering
from infogan.training.trainer import Trainer

SEEDS, MAX_IMAGES = (0, 1), 10_000


def measure(name: str, images: Images, seed: int) -> dict[str, Any]:
    config = custom_images(name, len(images), images.shape).replace(device="cpu", seed=seed)
    (stage,) = Trainer(config, make_model(config), images).stages()
    assert isinstance(stage, Clustering)
    began = time.monotonic()
    for _ in stage.run(Targets()):
        pass
    found: dict[str, Any] = {
        "stability": round(stage.stability, 2),
        "seconds": round(time.monotonic() - began),
        "message": stage.outcome.message,
    }
    if images.labels is not None:
        y = images.labels.numbers
        pixels = images.x.reshape(len(images), -1)
        found["nmi_of_k_means"] = nmi(y, KMeans(10, n_init=3, random_state=seed).fit_predict(pixels))
        for table in stage.outcome.targets.by_code.values():
            found["nmi"] = nmi(y, table.argmax(dim=1).numpy())
    return found


def nmi(y: Any, clusters: Any) -> float:
    return round(float(normalized_mutual_info_score(y, clusters)), 3)


def main() -> None:
    rows: dict[str, dict[int, Any]] = {}
    for name in sys.argv[1:]:
        images = load(name).subsample(MAX_IMAGES)
        for seed in SEEDS:
            rows.setdefault(name, {})[seed] = measure(name, images, seed)
            print(name, seed, rows[name][seed], flush=True)
            record("default-transforms", {"images": MAX_IMAGES, "found": rows})


if __name__ == "__main__":
    main()
