"""What InfoGAN finds in two tables of measurements on which no setting was chosen.

    OMP_NUM_THREADS=1 python benchmarks/case_study.py

Wines and breast tumours, as scikit-learn has them; seeds 0 to 4 of the estimator's defaults, with as many
categories as there are kinds, and two numbers. 1-1 accuracy and NMI with the kinds, which no method sees,
beside k-means of standardised columns and Gaussian mixtures of their principal components. For each number
the columns that it follows best, |Spearman's rho|. Between seeds: NMI of the categories, and for each number
the best |rho| with a number of the other seed. Writes records/case-study.json.
"""

import itertools
import time
from typing import Any

import numpy as np
from record import record
from scipy.stats import spearmanr
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.decomposition import PCA
from sklearn.metrics import normalized_mutual_info_score
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler

from infogan import InfoGAN
from infogan.evaluation.clustering import one_to_one_error

SETS = {"wine": (load_wine, 3), "breast cancer": (load_breast_cancer, 2)}
SEEDS, N_NUMBERS, N_COMPONENTS = range(5), 2, 10


def rho(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """|Spearman's rho| of each column of a with each of b."""
    whole = np.abs(spearmanr(a, b).statistic)
    return np.asarray(whole[: a.shape[1], a.shape[1] :])


def agreement_with(kinds: np.ndarray, category: np.ndarray) -> dict[str, float]:
    return {
        "accuracy": round(1 - one_to_one_error(kinds, category), 3),
        "nmi": round(float(normalized_mutual_info_score(kinds, category)), 3),
    }


def study(name: str) -> dict[str, Any]:
    load, k = SETS[name]
    table = load()
    x, kinds = table.data, table.target
    z = StandardScaler().fit_transform(x)
    components = PCA(N_COMPONENTS).fit_transform(z)
    runs, codes = [], []
    for seed in SEEDS:
        start = time.process_time()
        model = InfoGAN(f"cat:{k} unif:{N_NUMBERS}", random_state=seed).fit(x)
        seconds = time.process_time() - start
        codes.append(model.transform(x))
        strength = rho(codes[-1][:, 1:], z)
        follows = [
            {str(table.feature_names[j]): round(float(of[j]), 2) for j in np.argsort(-of)[:3]}
            for of in strength
        ]
        found = agreement_with(kinds, codes[-1][:, 0].astype(int))
        runs.append({"seed": seed, **found, "numbers follow": follows, "processor seconds": round(seconds)})
        print(name, runs[-1], flush=True)
    pairs = list(itertools.combinations(codes, 2))
    return {
        "rows": len(x),
        "columns": x.shape[1],
        "runs": runs,
        "nmi between seeds": [
            round(float(normalized_mutual_info_score(a[:, 0], b[:, 0])), 2) for a, b in pairs
        ],
        "rho between seeds": [round(float(rho(a[:, 1:], b[:, 1:]).max(axis=1).mean()), 2) for a, b in pairs],
        "k-means": agreement_with(kinds, KMeans(k, n_init=10, random_state=0).fit_predict(z)),
        "Gaussian mixture on principal components": agreement_with(
            kinds, GaussianMixture(k, reg_covar=1e-2, n_init=5, random_state=0).fit_predict(components)
        ),
    }


def main() -> None:
    record("case-study", {name: study(name) for name in SETS})


if __name__ == "__main__":
    main()
