"""How well the continuous codes of trained runs follow known factors, or the moments of digits.

    for seed in 100 101 102 103 104; do infogan train sprites --seed $seed; done
    python benchmarks/knobs.py sprites runs/sprites-10?    # writes records/knobs-sprites.json

With factors: the association of the best code with each factor, |Spearman's rho| of every code with every
factor, and MIG, DCI and FactorVAE on 10,000 images, with an angle as one code and, as papers on real-valued
codes have it, as two, its cosine and sine; beside it the same of principal components, their independent
components, and a beta-TCVAE. On MNIST: the error of c1, what each code changes in G's images (`moments.py`),
and |Spearman's rho| of each code, read off the test images, with their moments, over all images and in the
mean over digits; beside it the most that a code can have which is independent of the digit; and FID on the
test images.

Labels and factors serve these scores alone. Writes records/knobs-NAME.json.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from moments import NAMES, correlations, moments
from record import record
from scipy.optimize import linear_sum_assignment
from scipy.stats import spearmanr
from sklearn.decomposition import FastICA
from sklearn.metrics import confusion_matrix

from infogan.data import Images, available_splits, load
from infogan.evaluation import evaluate_run
from infogan.evaluation.baselines import Representation
from infogan.evaluation.disentanglement.betavae_factorvae import factorvae
from infogan.evaluation.disentanglement.codes_and_factors import CodesAndFactors
from infogan.evaluation.disentanglement.information import mig
from infogan.evaluation.disentanglement.predictors import dci_forest
from infogan.method.codes import Code
from infogan.paper.baselines import best_codes, read_baselines
from infogan.pretraining.ranks import uniform_ranks
from infogan.runs.run import Run

MAX_IMAGES = 10_000


def rho(a: np.ndarray, b: np.ndarray) -> float:
    return abs(float(spearmanr(a, b).statistic))


def scores(values: np.ndarray, kinds: list[Any], factors: np.ndarray) -> dict[str, float]:
    train, test = CodesAndFactors.from_arrays(values, factors, kinds).train_test_split()
    found: dict[str, float] = {}
    for function in (mig, dci_forest, factorvae):
        found |= function(train, test, np.random.default_rng(0))
    return {name: round(value, 4) for name, value in found.items()}


def whole_factors(truth: np.ndarray) -> np.ndarray:
    """Factors as whole numbers, those of more than 50 values by their deciles."""
    deciles = [
        np.digitize(v, np.quantile(v, np.linspace(0, 1, 11)[1:-1])) if len(np.unique(v)) > 50 else v
        for v in truth.T
    ]
    return np.column_stack([np.unique(v, return_inverse=True)[1] for v in deciles])


def of_baselines(run: Run, images: Images, codes: list[Code]) -> dict[str, dict[str, float]]:
    """Of as many components as there are codes, an angle counted twice."""
    assert images.factors is not None
    n_components = sum(2 if code.kind == "angle" else 1 for code in codes)
    read = read_baselines(run.images(), images, n_components)
    pca = read[f"PCA, {n_components} components"]
    ica = FastICA(whiten="unit-variance", random_state=0, max_iter=1000).fit_transform(pca.values)
    read["ICA of these components"] = pca._replace(values=ica)
    whole = whole_factors(images.factors.values)
    return {
        name: scores(found.values, list(found.kinds), whole)
        for name, found in read.items()
        if "category" not in found.kinds
    }


def against_factors(codes: dict[str, Code], values: np.ndarray, images: Images) -> dict[str, Any]:
    assert images.factors is not None
    truth, whole = images.factors.values, whole_factors(images.factors.values)
    split: list[np.ndarray] = []
    for v, code in zip(values.T, codes.values(), strict=True):
        split += [np.cos(v), np.sin(v)] if code.kind == "angle" else [v]
    split_kinds = [
        k for code in codes.values() for k in (("number",) * 2 if code.kind == "angle" else (code.kind,))
    ]
    codes_read = Representation(values, [code.kind for code in codes.values()], list(codes))
    return {
        "best": best_codes(codes_read, images.factors),
        "angle_as_one_code": scores(values, [code.kind for code in codes.values()], whole),
        "angle_as_cosine_and_sine": scores(np.column_stack(split), split_kinds, whole),
        "spearman": {
            factor.name: {name: round(rho(values[:, i], truth[:, j]), 3) for i, name in enumerate(codes)}
            for j, factor in enumerate(images.factors.columns)
        },
    }


def against_moments(codes: dict[str, Code], values: np.ndarray, images: Images) -> dict[str, Any]:
    assert images.labels is not None
    y, measured = images.labels.numbers, moments(images.x)
    table = confusion_matrix(y, values[:, 0].astype(int))
    best = table[linear_sum_assignment(-table)].sum()
    within = [uniform_ranks(torch.from_numpy(m).float(), torch.from_numpy(y)).numpy() for m in measured.T]
    numbers = [(i, name) for i, (name, code) in enumerate(codes.items()) if code.kind == "number"]
    return {
        "error": round(float(1 - best / len(y)), 4),
        # A code that is independent of the digit is at best the rank of the moment within the digit.
        "best_independent_of_digit": {
            moment: round(rho(within[m], measured[:, m]), 3) for m, moment in enumerate(NAMES)
        },
        "read": {
            name: {
                moment: {
                    "all": round(rho(values[:, i], measured[:, m]), 3),
                    "within_digits": round(
                        float(np.mean([rho(values[y == d, i], measured[y == d, m]) for d in range(10)])), 3
                    ),
                }
                for m, moment in enumerate(NAMES)
            }
            for i, name in numbers
        },
    }


def of_true_sprites() -> dict[str, float]:
    """The scores of the true factors, with the angle as far as the shape shows it, as cosine and sine."""
    factors = load("sprites").subsample(MAX_IMAGES).factors
    assert factors is not None
    shape, scale, angle, x, y = factors.values.T
    shown = np.array([4, 2, 1])[shape.astype(int)] * angle  # square, ellipse, heart
    codes = np.column_stack([shape, x, y, scale, np.cos(shown), np.sin(shown)])
    whole = np.column_stack([np.unique(v, return_inverse=True)[1] for v in factors.values.T])
    return scores(codes, ["category", *["number"] * 5], whole)


def main() -> None:
    name, *paths = sys.argv[1:]
    rows: dict[str, Any] = {}
    baselines: dict[str, Any] = {}
    for path in paths:
        run = Run.open(Path(path))
        model = run.model()
        codes = dict(zip(model.latent.names, model.latent.codes, strict=True))
        images = run.images(available_splits(run.config.data.images)[-1]).subsample(MAX_IMAGES)
        values = model.encode(images.pixels).values.double().numpy()
        if images.factors is not None:
            rows[Path(path).name] = against_factors(codes, values, images)
        else:
            fid = evaluate_run(run, groups=("image-quality",))["test"]["fid[mnist-classifier]"]["value"]
            rows[Path(path).name] = against_moments(codes, values, images) | {
                "changes": correlations(model),
                "fid": round(float(fid), 3),
            }
        print(Path(path).name, rows[Path(path).name], flush=True)
        if images.factors is not None and not baselines:
            baselines = of_baselines(run, images, list(codes.values()))
    true = {"true_factors": of_true_sprites()} if name == "sprites" else {}
    record(f"knobs-{name}", {"runs": rows, "baselines": baselines} | true)


if __name__ == "__main__":
    main()
