"""Which images several runs misclassify, and as what.

    python benchmarks/errors.py NAME RUN [RUN ...]

Categories of the first discrete code are matched with labels one to one, on the last split of the images.
Writes records/errors-NAME.json, and docs/images/errors_NAME.png: the images that most runs misclassify, with
their labels and the most common prediction.
"""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
from jaxtyping import Int
from record import record

from infogan.data import DEFAULT_OPTIONS, Images, available_splits
from infogan.evaluation.clustering import contingency_table, match_labels
from infogan.runs.run import Run

N_PAIRS, N_IMAGES, N_COLUMNS = 10, 60, 20


def predict(run: Run, images: Images) -> Int[np.ndarray, "n"]:
    """The label that matches each image's category."""
    model = run.model()
    first = next(i for i, code in enumerate(model.latent.codes) if code.categories)
    category = model.encode(images.pixels).values[:, first].numpy().astype(int)
    k, labels = model.latent.codes[first].categories or 0, images.labels
    assert labels is not None
    rows, columns = match_labels(contingency_table(labels.numbers, category, n_categories=k))
    label_of = np.full(k, -1)
    label_of[rows] = columns
    predicted: np.ndarray = label_of[category]
    return predicted


def main() -> None:
    name, *paths = sys.argv[1:]
    runs = [Run.open(Path(path)) for path in paths]
    images = runs[0].images(
        list(available_splits(runs[0].config.data.images, DEFAULT_OPTIONS))[-1], DEFAULT_OPTIONS
    )
    assert images.labels is not None
    labels = images.labels.numbers
    predicted = np.stack([predict(run, images) for run in runs])
    wrong = predicted != labels
    pairs = {
        path: Counter(f"{a} as {b}" for a, b in zip(labels[of], row[of], strict=True)).most_common(N_PAIRS)
        for path, row, of in zip((Path(path).name for path in paths), predicted, wrong, strict=True)
    }
    n_wrong = wrong.sum(axis=0)
    found = {
        "images": len(labels),
        "errors": {path: float(of.mean()) for path, of in zip(pairs, wrong, strict=True)},
        "wrong_in": {str(k): int((n_wrong == k).sum()) for k in range(len(runs), 0, -1)},
        "pairs": {path: dict(most) for path, most in pairs.items()},
    }
    record(f"errors-{name}", found)
    plot(name, images, predicted, n_wrong, len(runs))


def plot(
    name: str, images: Images, predicted: Int[np.ndarray, "runs n"], n_wrong: Int[np.ndarray, "n"], n: int
) -> None:
    """The images that most runs misclassify, with label, most common prediction and number of runs."""
    import matplotlib

    matplotlib.use("agg")
    import torch
    from matplotlib import pyplot

    assert images.labels is not None
    known = images.labels.numbers
    worst = np.argsort(-n_wrong, kind="stable")[:N_IMAGES]
    x = images.pixels.take(torch.from_numpy(worst)).numpy().transpose(0, 2, 3, 1)
    figure, axes = pyplot.subplots(
        -(-N_IMAGES // N_COLUMNS), N_COLUMNS, figsize=(14, 3), layout="constrained"
    )
    for axis, i, image in zip(axes.flat, worst, x, strict=True):
        [(mistaken, _)] = Counter(row[i] for row in predicted if row[i] != known[i]).most_common(1)
        axis.imshow(image.squeeze(), cmap="gray")
        axis.set_title(f"{known[i]} as {mistaken}\n{n_wrong[i]} of {n}", fontsize=7)
    for axis in axes.flat:
        axis.axis("off")
    figure.savefig(
        Path(__file__).parent.parent / "docs" / "images" / f"errors_{name.replace('-', '_')}.png", dpi=110
    )


if __name__ == "__main__":
    main()
