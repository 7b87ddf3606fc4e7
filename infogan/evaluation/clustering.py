"""How well categories agree with labels that training never saw.

The scores take labels and categories in scikit-learn's order: (labels_true, labels_pred).
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from infogan.data.labels import UNKNOWN
from infogan.evaluation.score import Score, make_score, sample_halves
from infogan.method.latent import Latent

ContingencyTable = Int[np.ndarray, "categories labels"]
Labels = Int[np.ndarray, "n"]
N_RESAMPLES = 100


def contingency_table(labels: Labels, categories: Labels, n_categories: int = 0) -> ContingencyTable:
    """How many images of each label (column, in ascending order) fell into each category (row)."""
    found, labels = np.unique(labels, return_inverse=True)  # a label is a name, and may have eight digits
    n_labels = len(found)
    n_categories = n_categories or int(categories.max()) + 1
    counts = np.bincount(categories * n_labels + labels, minlength=n_categories * n_labels)
    return counts.reshape(n_categories, n_labels)


def match_labels(table: ContingencyTable) -> tuple[Int[np.ndarray, "m"], Int[np.ndarray, "m"]]:
    """Categories and the label of each, one to one, so that most images agree (Hungarian method)."""
    categories, labels = linear_sum_assignment(table, maximize=True)
    return categories, labels


def accuracy(labels_true: Labels, labels_pred: Labels) -> float:
    """ACC: the share of images that are right under the best one-to-one map of categories to labels."""
    table = contingency_table(labels_true, labels_pred)
    return float(table[match_labels(table)].sum() / table.sum())


def one_to_one_error(labels_true: Labels, labels_pred: Labels) -> float:
    """1 - `accuracy`: the paper's error rate "by matching each category in c1 to a digit type" (Sec. 7.2)."""
    return 1 - accuracy(labels_true, labels_pred)


def purity(labels_true: Labels, labels_pred: Labels) -> float:
    """The share of images with the most common label of their category; categories may share a label."""
    table = contingency_table(labels_true, labels_pred)
    return float(table.max(axis=1).sum() / table.sum())


def nmi(labels_true: Labels, labels_pred: Labels) -> float:
    """Mutual information over the mean of both entropies, in [0, 1]."""
    # The score is symmetric, its rounding is not: in this order it repeats earlier evaluations exactly.
    return float(normalized_mutual_info_score(labels_pred, labels_true))


def ari(labels_true: Labels, labels_pred: Labels) -> float:
    """Rand index adjusted for chance: 0 expected at random, 1 at best, -0.5 at least."""
    return float(adjusted_rand_score(labels_true, labels_pred))


MATCHED = "each category matched with one label (Hungarian), on this split"
SCORES: dict[str, tuple[Callable[[Labels, Labels], float], str, float]] = {  # function, protocol, minimum
    "one_to_one_error": (one_to_one_error, MATCHED, 0.0),
    "accuracy": (accuracy, MATCHED, 0.0),
    "purity": (purity, "each category given its commonest label (majority vote), on this split", 0.0),
    "nmi": (nmi, "arithmetic mean of the entropies", 0.0),
    "ari": (ari, "adjusted Rand index", -0.5),
}


def why_not_scored(labels: Labels) -> str:
    """Why labels say nothing about categories; empty if they do."""
    known, n = labels[labels != UNKNOWN], len(labels)
    n_classes = len(np.unique(known))
    if n_classes < 2:
        return f"{len(known):,} of {n:,} images have a known label, and all of them the same"
    if n_classes > len(known) / 2:
        return f"they name {n_classes:,} classes in {len(known):,} images, fewer than two images a class"
    return ""


def cluster_scores(
    labels_true: Labels,
    labels_pred: Labels,
    conditions: str,
    suffix: str = "",
    names: Sequence[str] = tuple(SCORES),
) -> dict[str, Score]:
    """These of SCORES, with a suffix to their names and an interval over the images with a known label.

    `conditions` says in the protocol how the categories were obtained.
    """
    is_known = labels_true != UNKNOWN
    labels_true, labels_pred = labels_true[is_known], labels_pred[is_known]
    n = len(labels_true)
    halves = list(sample_halves(n, N_RESAMPLES, np.random.default_rng(0)))
    scores: dict[str, Score] = {}
    for name in names:
        function, protocol, min_value = SCORES[name]
        value = function(labels_true, labels_pred)
        resamples = [function(labels_true[half], labels_pred[half]) for half in halves]
        protocol = f"{protocol}; {conditions}; {n:,} images"
        scores[f"{name}{suffix}"] = make_score(value, resamples, protocol, min_value=min_value)
    return scores


def discrete_codes(values: Float[np.ndarray, "n L"], latent: Latent) -> dict[str, Labels]:
    """The categories of each discrete code, by its name.

    Without those under a category: theirs mean something else in each of its categories.
    """
    return {
        latent.names[i]: v.astype(np.int64)
        for i, (v, code) in enumerate(zip(values.T, latent.codes, strict=True))
        if code.categories is not None and i not in latent.parents
    }


def joint_categories(categories: Int[np.ndarray, "n codes"]) -> Labels:
    """Several discrete codes as one, with a category for each combination that occurs."""
    return np.unique(categories, axis=0, return_inverse=True)[1].reshape(-1)
