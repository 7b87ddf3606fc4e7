"""How well a categorical code agrees with labels that training never saw.

All scores are functions of the table of counts, a row a category of the code, a column a label.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Int
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from infogan.metrics.score import Score

Table = Int[np.ndarray, "k labels"]
RESAMPLES = 200


def count(category: Int[np.ndarray, "n"], label: Int[np.ndarray, "n"], k: int, n_labels: int) -> Table:
    """The table of counts: how many images of each label fell into each category."""
    table = np.zeros((k, n_labels), np.int64)
    np.add.at(table, (category, label), 1)
    return table


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


SCORES: dict[str, tuple[Callable[[Table], float], str]] = {
    "one_to_one_error": (
        one_to_one_error,
        "each category matched with one label (Hungarian), on this split",
    ),
    "purity": (purity, "each category given its commonest label (majority vote), on this split"),
    "nmi": (nmi, "arithmetic mean of the entropies"),
    "ari": (ari, "adjusted Rand index"),
}


def cluster_scores(table: Table, rng: np.random.Generator, how: str) -> dict[str, Score]:
    """Every score of SCORES, with the 95 % interval of a bootstrap over the images.

    Args:
        how: what the protocol is to say of how the categories came about.
    """
    n = int(table.sum())
    draws = rng.multinomial(n, (table / n).ravel(), size=RESAMPLES).reshape(-1, *table.shape)
    scores: dict[str, Score] = {}
    for name, (function, protocol) in SCORES.items():
        low, high = np.percentile([function(draw) for draw in draws], [2.5, 97.5])
        scores[name] = Score(
            value=function(table),
            low=float(low),
            high=float(high),
            protocol=f"{protocol}; {how}; {n:,} images",
        )
    return scores
