"""Categories of unequal size: what clustering finds in a part of MNIST whose digits are not equally frequent.

    python benchmarks/unequal_categories.py 2 3 4

draws 6,000 training images with shares from 1 to 10 (linear) or from 1 to 100 (tail, geometric), in an order
of the digits that depends on the seed, and runs the clustering of the preset mnist with fewer steps, with a
uniform and with a learned P(c), from the same first part. Prints and records, for the table that Q learns
from, NMI and error against the digits, and P(c) with the total variation distance of its sorted shares from
the true ones. Writes records/unequal-categories.json.
"""

import sys
from collections.abc import Generator
from copy import deepcopy
from typing import Any, TypeVar

import numpy as np
import torch
from record import record
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

from infogan.config.presets import get_preset
from infogan.data import Images, load
from infogan.method.model import make_model
from infogan.pretraining.clustering import Clustering
from infogan.pretraining.clustering.clustering import N_PARTITIONS
from infogan.training.trainer import Trainer

N_IMAGES, STEPS, FIRST_STEPS = 6_000, 900, 300
T = TypeVar("T")
SHARES = {"linear": np.arange(1.0, 11), "tail": 100 ** (np.arange(10) / 9)}


def measure(kind: str, seed: int) -> dict[str, Any]:
    images, rng = load("mnist"), np.random.default_rng(seed)
    assert images.labels is not None
    shares = rng.permutation(SHARES[kind] / SHARES[kind].sum())
    of_digits = [rng.permutation(np.flatnonzero(images.labels.numbers == c)) for c in range(10)]
    chosen = [of[: round(N_IMAGES * p)] for of, p in zip(of_digits, shares, strict=True)]
    index = np.sort(np.concatenate(chosen))
    y, x = images.labels.numbers[index], images.pixels.take(torch.from_numpy(index)).numpy()
    config = get_preset("mnist").replace(knobs="", device="cpu", seed=seed, pretraining_steps=STEPS)
    (stage,) = Trainer(config, make_model(config), Images.from_arrays(x)).stages()
    assert isinstance(stage, Clustering)
    for _ in stage.train_heads(FIRST_STEPS):
        pass
    fabric, stage.fabric = stage.fabric, None  # type: ignore[assignment]  # cannot be copied
    rows: dict[str, Any] = {"true shares": np.sort(shares).round(4).tolist()}
    for prior in ("uniform", "learned"):
        copy = deepcopy(stage)
        copy.fabric, copy.is_uniform = fabric, prior == "uniform"
        rows[prior] = scores(table_of(copy), y, np.sort(shares)) | {"stability": round(copy.stability, 3)}
        print(kind, seed, prior, rows[prior], flush=True)
    return rows


def table_of(stage: Clustering) -> np.ndarray:
    """p(k|x) of the second and third part of the stage, whether it is stable or not."""
    sample = result_of(stage.partition(FIRST_STEPS, N_PARTITIONS))
    found = result_of(stage.find_clusters(sample, FIRST_STEPS))
    assert found is not None, f"not stable: {stage.stability}"
    for _ in stage.train_clusters(found, FIRST_STEPS):
        pass
    p: np.ndarray = result_of(stage.predict_proba()).double().numpy()
    return p


def result_of(generator: Generator[int, None, T]) -> T:
    """What a generator returns once it is exhausted."""
    while True:
        try:
            next(generator)
        except StopIteration as end:
            result: T = end.value
            return result


def scores(table: np.ndarray, y: np.ndarray, shares: np.ndarray) -> dict[str, Any]:
    category, P_c = table.argmax(axis=1), np.sort(table.mean(axis=0))
    counts = contingency_matrix(y, category)
    right = counts[linear_sum_assignment(-counts)].sum()
    return {
        "nmi": round(float(normalized_mutual_info_score(y, category)), 3),
        "error": round(1 - right / len(y), 4),
        "P(c)": P_c.round(4).tolist(),
        "distance": round(float(np.abs(P_c - shares).sum() / 2), 3),
    }


def main() -> None:
    found: dict[str, dict[str, Any]] = {kind: {} for kind in SHARES}
    for seed in sys.argv[1:]:
        for kind in SHARES:
            found[kind][seed] = measure(kind, int(seed))
            record("unequal-categories", {"images": N_IMAGES, "steps": STEPS, "found": found})


if __name__ == "__main__":
    main()
