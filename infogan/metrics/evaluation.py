"""All scores of a model, split by split."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int

from infogan.codes import Code
from infogan.data import HERE, Images, Reading, load, splits_of
from infogan.metrics.association import association_scores
from infogan.metrics.bound import info_bounds
from infogan.metrics.clustering import Table, cluster_scores, count
from infogan.metrics.score import Score
from infogan.model import Model, Statistics
from infogan.rng import make_rng
from infogan.run import Run

# Images of a split that are looked at, of a larger one a random choice; the bootstrap over factors is slow.
MOST, MOST_WITH_FACTORS = 60_000, 20_000

Evaluation = dict[str, dict[str, Score]]


def evaluate_run(
    run: Run, reading: Reading = HERE, say: Callable[[str], None] = lambda _: None
) -> Evaluation:
    """Every score of a run on every split that is here, which is left in its evaluation.json, too.

    Raises:
        InfoganError: where the run has no checkpoint, or its images cannot be read.
    """
    model, name = run.model(), run.config.images
    splits = {split or "train": load(name, split, reading) for split in splits_of(name, reading)}
    evaluation = evaluate(model, splits, run.config.batch, say)
    run.write_json("evaluation.json", evaluation)
    return evaluation


def evaluate(
    model: Model, splits: Mapping[str, Images], batch: int, say: Callable[[str], None]
) -> Evaluation:
    """L_I on generated images; for each split with labels how discrete codes agree with them, and for each
    split with factors how strongly every code goes along with every factor.

    Where there are several discrete codes, the names of their scores end in the code's: `nmi_c2`.
    The codes are read with D's running statistics of batch norm; what those of the batch would give
    is the score `one_to_one_error_batch_statistics`.

    Args:
        batch: the batch size of training.
        say: told what is being done.
    """
    say("L_I of generated images")
    evaluation: Evaluation = {"generated": info_bounds(model, batch, make_rng(0, "evaluate"))}
    latent = model.latent
    for split, whole in splits.items():
        if whole.labels is None and whole.factors is None:
            continue
        images = whole.some(MOST if whole.factors is None else MOST_WITH_FACTORS)
        say(f"{split}: reading the codes of {len(images):,} images")
        values = model.encode(images.pixels).values.numpy()
        scores: dict[str, Score] = {}
        if images.labels is not None:
            scores |= _agreement(tables(values, latent.codes, images.labels), "running")
            say(f"{split}: again with the statistics of batches")
            again = model.encode(images.pixels, "batch").values.numpy()
            for name, score in _agreement(tables(again, latent.codes, images.labels), "batch").items():
                if name.startswith("one_to_one_error"):
                    scores[f"{name}_batch_statistics"] = score
        if images.factors is not None:
            say(f"{split}: codes against factors")
            rng = np.random.default_rng(0)
            scores |= association_scores(values, latent.names, latent.codes, images.factors, rng)
        evaluation[split] = scores
    return evaluation


def tables(
    values: Float[np.ndarray, "n L"], codes: Sequence[Code], labels: Int[np.ndarray, "n"]
) -> dict[str, Table]:
    """The table of counts of each discrete code against the labels, by the code's name."""
    return {
        f"c{i}": count(v.astype(np.int64), labels, code.categories, int(labels.max()) + 1)
        for i, (v, code) in enumerate(zip(values.T, codes, strict=True), 1)
        if code.categories is not None
    }


def _agreement(by_code: Mapping[str, Table], statistics: Statistics) -> dict[str, Score]:
    scores: dict[str, Score] = {}
    for name, table in by_code.items():
        how = f"{name} by Q's argmax with {statistics} statistics of batch norm"
        of_code = cluster_scores(table, np.random.default_rng(0), how)
        suffix = f"_{name}" if len(by_code) > 1 else ""
        scores |= {f"{score}{suffix}": value for score, value in of_code.items()}
    return scores
