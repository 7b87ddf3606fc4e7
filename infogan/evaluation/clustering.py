"""How well categories agree with labels that training never saw: a code's, several codes', k-means'.

All scores are functions of the table of counts, a row a category, a column a label.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from infogan.evaluation.score import Score, halves, score

Table = Int[np.ndarray, "k labels"]
RESAMPLES = 100


def count(category: Int[np.ndarray, "n"], label: Int[np.ndarray, "n"], k: int, n_labels: int) -> Table:
    """The table of counts: how many images of each label fell into each category."""
    table: Table = np.bincount(category * n_labels + label, minlength=k * n_labels).reshape(k, n_labels)
    return table


def joint(categories: Int[np.ndarray, "n codes"]) -> Int[np.ndarray, "n"]:
    """Several codes as one: a category for each combination that is found."""
    found: np.ndarray = np.unique(categories, axis=0, return_inverse=True)[1].reshape(-1)
    return found


def k_means(features: Float[np.ndarray, "n width"], k: int) -> Int[np.ndarray, "n"]:
    """Categories by k-means, the best of ten starts, which are the same each time."""
    found: np.ndarray = KMeans(k, n_init=10, random_state=0).fit_predict(features).astype(np.int64)
    return found


def match(table: Table) -> tuple[Int[np.ndarray, "m"], Int[np.ndarray, "m"]]:
    """Categories and the labels they are matched with, one to one, so that most images agree."""
    rows, columns = linear_sum_assignment(table, maximize=True)
    return rows, columns


def one_to_one_error(table: Table) -> float:
    """The share of images outside their category's label, each label given to one category at most.

    The paper's "error rate ... by matching each category in c1 to a digit type" (Sec. 7.2); the
    literature's ACC is 1 minus this.
    """
    return 1 - float(table[match(table)].sum() / table.sum())


def purity(table: Table) -> float:
    """The share of images with the commonest label of their category; two categories may share one."""
    return float(table.max(axis=1).sum() / table.sum())


def nmi(table: Table) -> float:
    """Mutual information over the mean of both entropies, in [0, 1]."""
    return float(normalized_mutual_info_score(*_unroll(table)))


def ari(table: Table) -> float:
    """Rand index adjusted for chance: 0 expected at random, 1 at best."""
    return float(adjusted_rand_score(*_unroll(table)))


def _unroll(table: Table) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]]:
    categories, labels = np.indices(table.shape)
    return np.repeat(categories, table.ravel()), np.repeat(labels, table.ravel())


SCORES: dict[str, tuple[Callable[[Table], float], str, float]] = {  # with the lowest that each can be
    "one_to_one_error": (
        one_to_one_error,
        "each category matched with one label (Hungarian), on this split",
        0.0,
    ),
    "purity": (purity, "each category given its commonest label (majority vote), on this split", 0.0),
    "nmi": (nmi, "arithmetic mean of the entropies", 0.0),
    "ari": (ari, "adjusted Rand index", -0.5),
}


def cluster_scores(category: Int[np.ndarray, "n"], label: Int[np.ndarray, "n"], how: str) -> dict[str, Score]:
    """Every score of SCORES, with the interval of halves of the images.

    Args:
        how: what the protocol is to say of how the categories came about.
    """
    n, k, n_labels = len(category), int(category.max()) + 1, int(label.max()) + 1
    whole = count(category, label, k, n_labels)
    chosen = halves(n, RESAMPLES, np.random.default_rng(0))
    tables = [count(category[half], label[half], k, n_labels) for half in chosen]
    return {
        name: score(
            function(whole),
            [function(table) for table in tables],
            f"{protocol}; {how}; {n:,} images",
            lowest=lowest,
        )
        for name, (function, protocol, lowest) in SCORES.items()
    }
