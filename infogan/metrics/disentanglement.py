"""Every score of how codes match known factors, with the settings of the usual protocol.

A score is a function of the pairs to fit on and the pairs to test on; to add one, add its file and its line.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from infogan.metrics.pairs import Pairs
from infogan.metrics.score import Score, halves, score

RESAMPLES = 10

Function = Callable[[Pairs, Pairs, np.random.Generator], dict[str, float]]


class Metric(NamedTuple):
    """What computes one score or more, and how it is described."""

    function: Function
    protocol: str


METRICS: tuple[Metric, ...] = ()


def disentanglement_scores(
    pairs: Pairs, how: str, say: Callable[[str], None] = lambda _: None
) -> dict[str, Score]:
    """Every score by its name, each in [0, 1] and best at 1, with the interval of ten halves of the images.

    Args:
        how: what the protocol is to say of how the codes came about.
        say: told what is being done.
    """
    fit, test = pairs.split()
    found: dict[str, Score] = {}
    for function, protocol in METRICS:
        say(protocol)
        values = function(fit, test, np.random.default_rng(0))
        rng = np.random.default_rng(1)
        resampled = [
            function(fit.take(a), test.take(b), rng)
            for a, b in zip(halves(len(fit), RESAMPLES, rng), halves(len(test), RESAMPLES, rng), strict=True)
        ]
        sizes = f"{len(fit):,} images to fit, {len(test):,} to test"
        for name, value in values.items():
            draws = [draw[name] for draw in resampled]
            found[name] = score(value, draws, f"{protocol}; {how}; {sizes}")
    return found
