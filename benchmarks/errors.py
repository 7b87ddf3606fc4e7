"""What a recipe has wrong: which labels it takes for which, and which images in how many of the runs.

    python benchmarks/errors.py NAME RUN [RUN ...]

Of the images and the discrete code c1 by which the runs are scored, its categories matched with labels one to
one. Writes benchmarks/records/errors-NAME.json and a picture of the images that are wrong most often, each
with its label and what most runs take it for: docs/images/errors_NAME.png.
"""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
from jaxtyping import Int
from record import record

from infogan.data import DEFAULT_OPTIONS, Images, splits_of
from infogan.evaluation.clustering import contingency_table, match_labels
from infogan.runs.run import Run

COMMON, SHOWN, COLUMNS = 10, 60, 20


def read(run: Run, images: Images) -> Int[np.ndarray, "n"]:
    """The label that each image is taken for."""
    model = run.model()
    first = next(i for i, code in enumerate(model.latent.codes) if code.categories)
    category = model.encode(images.pixels).values[:, first].numpy().astype(int)
    k, labels = model.latent.codes[first].categories or 0, images.labels
    assert labels is not None
    rows, columns = match_labels(contingency_table(labels, category, n_categories=k))
    names = np.full(k, -1)
    names[rows] = columns
    taken: np.ndarray = names[category]
    return taken


def main() -> None:
    name, *paths = sys.argv[1:]
    runs = [Run.open(Path(path)) for path in paths]
    images = runs[0].images(list(splits_of(runs[0].config.data.images, DEFAULT_OPTIONS))[-1], DEFAULT_OPTIONS)
    labels = images.labels
    assert labels is not None
    taken = np.stack([read(run, images) for run in runs])
    wrong = taken != labels
    pairs = {
        path: Counter(f"{a} as {b}" for a, b in zip(labels[of], row[of], strict=True)).most_common(COMMON)
        for path, row, of in zip((Path(path).name for path in paths), taken, wrong, strict=True)
    }
    often = wrong.sum(axis=0)
    found = {
        "images": len(labels),
        "errors": {path: float(of.mean()) for path, of in zip(pairs, wrong, strict=True)},
        "wrong_in": {str(k): int((often == k).sum()) for k in range(len(runs), 0, -1)},
        "pairs": {path: dict(most) for path, most in pairs.items()},
    }
    record(f"errors-{name}", found)
    draw(name, images, taken, often, len(runs))


def draw(
    name: str, images: Images, taken: Int[np.ndarray, "runs n"], often: Int[np.ndarray, "n"], n: int
) -> None:
    """The images that are wrong most often, a title each: label, what most take it for, in how many runs."""
    import matplotlib

    matplotlib.use("agg")
    import torch
    from matplotlib import pyplot

    assert images.labels is not None
    worst = np.argsort(-often, kind="stable")[:SHOWN]
    x = images.pixels.take(torch.from_numpy(worst)).numpy().transpose(0, 2, 3, 1)
    figure, axes = pyplot.subplots(-(-SHOWN // COLUMNS), COLUMNS, figsize=(14, 3), layout="constrained")
    for place, i, picture in zip(axes.flat, worst, x, strict=True):
        [(mistaken, _)] = Counter(row[i] for row in taken if row[i] != images.labels[i]).most_common(1)
        place.imshow(picture.squeeze(), cmap="gray")
        place.set_title(f"{images.labels[i]} as {mistaken}\n{often[i]} of {n}", fontsize=7)
    for place in axes.flat:
        place.axis("off")
    figure.savefig(
        Path(__file__).parent.parent / "docs" / "images" / f"errors_{name.replace('-', '_')}.png", dpi=110
    )


if __name__ == "__main__":
    main()
