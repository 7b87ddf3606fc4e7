"""How well each attribute of CelebA can be told by one code of a run, beside methods that need no GAN.

    python benchmarks/attributes.py runs/celeba-112 runs/celeba-120

Of the 10,000 images of the data set celeba, or of a folder with these in its order. The area under the ROC
curve of a code for an attribute is taken in the better direction; a category stands for the share of its
images with the attribute. Shares are fitted on one half of the images, areas measured on the other. As many
principal and independent components, ten clusters of k-means, and ten latents of a beta-TCVAE have learned
from all. TAD is the total AUROC difference (Yeats et al., "NashAE", ECCV 2022): the area of the best code
minus that of the second best, summed over the attributes whose best area is at least 0.75. Correlated
attributes are all counted.

Labels serve these scores alone. Writes records/attributes.json.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from record import record
from sklearn.decomposition import FastICA
from sklearn.metrics import roc_auc_score

from infogan.data import load
from infogan.evaluation.baselines import Representation
from infogan.paper.baselines import read_baselines, read_codes
from infogan.runs.run import Run

MIN_AREA = 0.75


def areas(codes: Float[np.ndarray, "n d"], categories: list[bool], attributes: np.ndarray) -> np.ndarray:
    """(attributes, d), on the odd images, in [0.5, 1]."""
    found = np.full((attributes.shape[1], codes.shape[1]), 0.5)
    for a, y in enumerate(attributes.T):
        for i, (v, is_category) in enumerate(zip(codes.T, categories, strict=True)):
            if is_category:
                fitted, group = y[::2], v[::2].astype(int)
                share = np.bincount(group, fitted, 100) / np.maximum(1, np.bincount(group, minlength=100))
                found[a, i] = roc_auc_score(y[1::2], share[v[1::2].astype(int)])
            else:
                area = roc_auc_score(y[1::2], v[1::2])
                found[a, i] = max(area, 1 - area)
    return found


def scores(read: Representation, attributes: np.ndarray, names: list[str]) -> dict[str, Any]:
    found = areas(read.values, [kind == "category" for kind in read.kinds], attributes)
    best, second = np.sort(np.column_stack([np.full(len(found), 0.5), found]), axis=1)[:, :-3:-1].T
    captured = best >= MIN_AREA
    order = np.argsort(best)[::-1][:10]
    return {
        "codes": found.shape[1],
        "tad": round(float((best - second)[captured].sum()), 3),
        "captured": int(captured.sum()),
        "mean_best_area": round(float(best.mean()), 3),
        "best": {names[a]: [round(float(best[a]), 3), read.names[int(found[a].argmax())]] for a in order},
    }


def main() -> None:
    celeba = load("celeba")
    assert celeba.factors is not None
    names, attributes = [f.name for f in celeba.factors.columns], celeba.factors.values
    rows: dict[str, Any] = {}
    for path in map(Path, sys.argv[1:]):
        run = Run.open(path)
        images = run.images()
        assert len(images) == len(attributes)
        read = read_codes(run.model(), images)
        rows[path.name] = {"commit": run.environment().get("commit")} | scores(read, attributes, names)
    d = len(read.kinds)
    baselines = read_baselines(images, images, d)
    pca = next(of for name, of in baselines.items() if name.startswith("PCA"))
    whitened = pca.values / pca.values.std(axis=0)
    ica = FastICA(d, random_state=0, max_iter=1000).fit_transform(whitened)
    baselines["ICA of these components"] = pca._replace(values=ica)
    rows |= {name: scores(of, attributes, names) for name, of in baselines.items()}
    for name, row in rows.items():
        print(name, row, flush=True)
    record("attributes", {"runs": rows})


if __name__ == "__main__":
    main()
