"""The table of docs/tutorials/vectors.md: scikit-learn's digits as rows of 64 numbers, clustered.

    python benchmarks/vectors.py [SEEDS]

InfoGAN, k-means and Gaussian mixtures with 10 categories and 10 seeds each, scored on all 1,797 rows by
labels that none of them used: median and range over the seeds. Writes records/vectors.json and
docs/images/vectors_codes.png.
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from record import record
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from infogan.estimator import InfoGAN
from infogan.evaluation.clustering import accuracy, ari, nmi

PLOT = Path(__file__).parent.parent / "docs" / "images" / "vectors_codes.png"


def to_unit(X: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = X / 16
    return scaled


METHODS: dict[str, Callable[[int], Any]] = {
    "KMeans(10, n_init=1)": lambda seed: KMeans(10, n_init=1, random_state=seed),
    "KMeans(10, n_init=10)": lambda seed: KMeans(10, n_init=10, random_state=seed),
    "GaussianMixture(10, diag, reg_covar=1e-2)": lambda seed: GaussianMixture(
        10, covariance_type="diag", reg_covar=1e-2, random_state=seed
    ),
    "PCA(20), GaussianMixture(10, full, reg_covar=1e-3)": lambda seed: make_pipeline(
        PCA(20, random_state=0), GaussianMixture(10, reg_covar=1e-3, random_state=seed)
    ),
    'InfoGAN("cat:10 unif:2", scale="all")': lambda seed: InfoGAN(
        "cat:10 unif:2", scale="all", random_state=seed
    ),
}


def scores_of(category: np.ndarray, label: np.ndarray) -> dict[str, float]:
    labels = label.astype(np.int64), category.astype(np.int64)
    return {"1-1 accuracy": accuracy(*labels), "NMI": nmi(*labels), "ARI": ari(*labels)}


def plot(model: InfoGAN) -> None:
    """One column per category; its first continuous code goes from -1 to 1 down the rows."""
    codes = np.array([[c, t, 0] for t in np.linspace(-1, 1, 5) for c in range(10)])
    x = np.clip(model.inverse_transform(codes) * 255, 0, 255).astype(np.uint8)
    sheet = np.pad(x.reshape(5, 10, 8, 8), ((0, 0), (0, 0), (1, 1), (1, 1)))
    picture = Image.fromarray(sheet.transpose(0, 2, 1, 3).reshape(50, 100))
    picture.resize((600, 300), Image.Resampling.NEAREST).save(PLOT, optimize=True)


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    X, label = load_digits(return_X_y=True)
    print("| method | 1-1 accuracy | NMI | ARI | seconds |\n|---|---|---|---|---|", flush=True)
    rows: dict[str, list[dict[str, float]]] = {}
    for name, make in METHODS.items():
        rows[name] = []
        for seed in range(seeds):
            began = time.perf_counter()
            method = make(seed)
            category = make_pipeline(FunctionTransformer(to_unit), method).fit(X).predict(X)
            seconds = time.perf_counter() - began
            rows[name].append({**scores_of(category, label), "seconds": seconds})
            if isinstance(method, InfoGAN):
                rows[name][-1] |= {"score": method.score(to_unit(X)), "L_I_c1": float(method.L_I_[0])}
                if seed == 0:
                    plot(method)
        cells = []
        for score in ("1-1 accuracy", "NMI", "ARI", "seconds"):
            values = [row[score] for row in rows[name]]
            digits = 1 if score == "seconds" else 3
            low, middle, high = min(values), statistics.median(values), max(values)
            cells.append(f"**{middle:.{digits}f}** ({low:.{digits}f}–{high:.{digits}f})")
        print(f"| `{name}` | " + " | ".join(cells) + " |", flush=True)
    record("vectors", {"rows": rows})


if __name__ == "__main__":
    main()
