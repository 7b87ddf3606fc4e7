"""How well each attribute of CelebA can be told by one code of a run, beside principal components.

    infogan train folder:celeba
    infogan train folder:celeba --factor-steps 6000 --mirror 3 --out runs/celeba-factors-0
    python benchmarks/attributes.py runs/celeba-0 runs/celeba-factors-0

The folder has the 10,000 images of the data set celeba, in its order. The area under the ROC curve of a code
for an attribute is taken in the better direction; a category stands for the share of its images with the
attribute. Shares and components are fitted on one half of the images, areas measured on the other. TAD is the
total AUROC difference (Yeats et al., "NashAE", ECCV 2022): the area of the best code minus that of the second
best, summed over the attributes whose best area is at least 0.75. Correlated attributes are all counted.

Labels serve these scores alone. Writes records/attributes.json.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from record import record
from sklearn.decomposition import PCA, FastICA
from sklearn.metrics import roc_auc_score

from infogan.data import load
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


def scores(found: np.ndarray, names: list[str]) -> dict[str, Any]:
    best, second = np.sort(found, axis=1)[:, -1], np.sort(found, axis=1)[:, -2]
    captured = best >= MIN_AREA
    order = np.argsort(best)[::-1][:10]
    return {
        "codes": found.shape[1],
        "tad": round(float((best - second)[captured].sum()), 3),
        "captured": int(captured.sum()),
        "mean_best_area": round(float(best.mean()), 3),
        "best": {names[a]: [round(float(best[a]), 3), int(found[a].argmax()) + 1] for a in order},
    }


def main() -> None:
    celeba = load("celeba")
    assert celeba.factors is not None
    names, attributes = [f.name for f in celeba.factors.columns], celeba.factors.values
    rows: dict[str, Any] = {}
    for path in map(Path, sys.argv[1:]):
        run = Run.open(path)
        model, images = run.model(), run.images()
        assert len(images) == len(attributes)
        values = model.encode(images.pixels).values.double().numpy()
        categories = [code.kind == "category" for code in model.latent.codes]
        rows[path.name] = scores(areas(values, categories, attributes), names)
        d = values.shape[1]
        x = images.x.reshape(len(images), -1) / 255
        whitened = PCA(d, whiten=True, random_state=0).fit(x[::2])
        components = whitened.transform(x)
        ica = FastICA(d, random_state=0, max_iter=1000).fit(components[::2])
        for name, z in ((f"PCA, {d}", components), (f"ICA of PCA, {d}", ica.transform(components))):
            rows[name] = scores(areas(z, [False] * d, attributes), names)
    for name, row in rows.items():
        print(name, row, flush=True)
    record("attributes", {"runs": rows})


if __name__ == "__main__":
    main()
