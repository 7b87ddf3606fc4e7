"""All scores of a model, split by split."""

from collections.abc import Callable, Mapping

import numpy as np

from infogan.data import Images
from infogan.metrics.bound import info_bounds
from infogan.metrics.clustering import cluster_scores, count
from infogan.metrics.score import Score
from infogan.model import Model, Statistics
from infogan.rng import make_rng

Evaluation = dict[str, dict[str, Score]]


def evaluate(
    model: Model, splits: Mapping[str, Images], batch: int, say: Callable[[str], None]
) -> Evaluation:
    """L_I on generated images, and for each split with labels the clustering scores of discrete codes.

    Where there are several discrete codes, the names of their scores end in the code's: `nmi_c2`.
    The codes are read with D's running statistics of batch norm; what those of the batch would give
    is the score `one_to_one_error_batch_statistics`.

    Args:
        batch: the batch size of training.
        say: told what is being done.
    """
    say("L_I of generated images")
    evaluation: Evaluation = {"generated": info_bounds(model, batch, make_rng(0, "evaluate"))}
    for split, images in splits.items():
        if images.labels is None:
            continue
        say(f"{split}: reading the codes of {len(images):,} images")
        evaluation[split] = _scores_of(model, images, "running")
        say(f"{split}: again with the statistics of batches")
        for name, score in _scores_of(model, images, "batch").items():
            if name.startswith("one_to_one_error"):
                evaluation[split][f"{name}_batch_statistics"] = score
    return evaluation


def tables(model: Model, images: Images, statistics: Statistics = "running") -> dict[str, np.ndarray]:
    """The table of counts of each discrete code against the labels, by the code's name."""
    labels = images.labels
    assert labels is not None
    values = model.encode(images.x, statistics).values.numpy()
    return {
        name: count(values[:, i].astype(np.int64), labels, code.categories, int(labels.max()) + 1)
        for i, (name, code) in enumerate(zip(model.latent.names, model.latent.codes, strict=True))
        if code.categories is not None
    }


def _scores_of(model: Model, images: Images, statistics: Statistics) -> dict[str, Score]:
    by_code = tables(model, images, statistics)
    scores: dict[str, Score] = {}
    for name, table in by_code.items():
        how = f"{name} by Q's argmax with {statistics} statistics of batch norm"
        of_code = cluster_scores(table, np.random.default_rng(0), how)
        suffix = f"_{name}" if len(by_code) > 1 else ""
        scores |= {f"{score}{suffix}": value for score, value in of_code.items()}
    return scores
