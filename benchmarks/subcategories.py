"""Whether the sub-categories of a digit are the same in other seeds: cat:10>cat:5 on MNIST.

    INFOGAN_DATA=FOLDER python benchmarks/subcategories.py [SEEDS] [IMAGES] [STEPS]

clusters so many images (10,000) for so many steps (900) with seeds 0, 1, ... (3 of them), and compares the
sub-clusters of a digit between all pairs of seeds by NMI, over the images that both put into its category.
Beside it: the same with the sub-clusters of one seed permuted (chance), and 5-means of the pixels of these
images. Labels say which category is which digit, nothing else. Writes records/subcategories.json, and
docs/images/subcategories_mnist.png: of the first seed, the first images of each sub-cluster.
"""

import sys
import time
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from record import record, spread
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score

from infogan.config.presets import get_preset
from infogan.data import Images, load
from infogan.evaluation.clustering import contingency_table, match_labels, one_to_one_error
from infogan.figures.traversal import save_grid
from infogan.method.model import make_model
from infogan.pretraining import Targets
from infogan.training.trainer import Trainer

M, N_SHOWN = 5, 12  # sub-clusters of a digit; images shown of each
PICTURE = Path(__file__).parents[1] / "docs" / "images" / "subcategories_mnist.png"


class Found(NamedTuple):
    """What a seed found: the digit of each image's category, and its sub-cluster."""

    digit: np.ndarray
    sub: np.ndarray
    report: dict[str, Any]


def find(images: Images, steps: int, seed: int) -> Found:
    config = get_preset("mnist-quick").replace(
        device="cpu", seed=seed, codes=f"cat:10>cat:{M} unif:2 noise:62", pretraining_steps=steps
    )
    (stage,) = Trainer(config, make_model(config), images).stages()
    began = time.monotonic()
    for _ in stage.run(Targets()):
        pass
    category, sub = (stage.outcome.targets.by_code[i].argmax(dim=1).numpy() for i in (0, 1))
    assert images.labels is not None
    y = images.labels.numbers
    categories, digits = match_labels(contingency_table(y, category, 10))
    digit_of = np.empty(10, int)
    digit_of[categories] = digits
    report = {
        "message": stage.outcome.message,
        "error": round(one_to_one_error(y, category), 4),
        "seconds": round(time.monotonic() - began),
    }
    print(seed, report, flush=True)
    return Found(digit_of[category], sub, report)


def compare(x: np.ndarray, found: list[Found], digit: int) -> dict[str, Any]:
    """NMI between seeds of the sub-clusters of a digit; of permuted ones, and of k-means on pixels."""
    rng = np.random.default_rng(0)
    of_pixels = []
    for seed, of in enumerate(found):
        labels = np.full(len(x), -1)
        members = np.flatnonzero(of.digit == digit)
        labels[members] = KMeans(M, n_init=5, random_state=seed).fit_predict(
            x[members].reshape(len(members), -1)
        )
        of_pixels.append(labels)
    scores: dict[str, list[float]] = {"sub-clusters": [], "chance": [], "k-means of pixels": []}
    for i, j in combinations(range(len(found)), 2):
        both = (found[i].digit == digit) & (found[j].digit == digit)
        one, other = found[i].sub[both], found[j].sub[both]
        scores["sub-clusters"].append(nmi(one, other))
        scores["chance"].append(nmi(one, rng.permutation(other)))
        scores["k-means of pixels"].append(nmi(of_pixels[i][both], of_pixels[j][both]))
    shares = [np.sort(np.bincount(of.sub[of.digit == digit], minlength=M))[::-1] for of in found]
    return {
        **{name: spread(values) for name, values in scores.items()},
        "shares": [(row / row.sum()).round(3).tolist() for row in shares],
    }


def nmi(a: np.ndarray, b: np.ndarray) -> float:
    return round(float(normalized_mutual_info_score(a, b)), 3)


def picture(x: np.ndarray, found: Found) -> None:
    """Digits 0 to 4 on the left, 5 to 9 on the right; a row for each sub-cluster, white between digits."""
    blank = np.full((1, *x.shape[1:]), 255, np.uint8)
    rows = []
    for left in range(5):
        for sub in range(M):
            row = []
            for digit in (left, left + 5):
                members = np.flatnonzero((found.digit == digit) & (found.sub == sub))[:N_SHOWN]
                row += [*x[members], *([blank[0]] * (N_SHOWN - len(members))), blank[0]]
            rows.append(row[:-1])
        rows.append([blank[0]] * len(rows[0]))
    save_grid(np.array(rows[:-1]), PICTURE)


def main() -> None:
    n_seeds, n_images, steps = (
        int(word) for word in [*sys.argv[1:], *("3", "10000", "900")[len(sys.argv) - 1 :]]
    )
    images = load("mnist").subsample(n_images)
    found = [find(images, steps, seed) for seed in range(n_seeds)]
    digits = {digit: compare(images.x, found, digit) for digit in range(10)}
    picture(images.x, found[0])
    protocol = {"images": n_images, "steps": steps, "seeds": n_seeds, "sub_clusters": M}
    record("subcategories", {**protocol, "runs": [of.report for of in found], "digits": digits})


if __name__ == "__main__":
    main()
