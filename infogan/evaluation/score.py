"""A number that says how sure it is and how it was taken."""

from collections.abc import Iterator, Sequence
from typing import TypedDict

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import t


class Score(TypedDict):
    """A value with the bounds of its 95 % interval, its protocol in words, and what its resamples gave.

    The resamples of two models that were scored on the same images are the same images, pair by pair.
    """

    value: float
    low: float
    high: float
    protocol: str
    draws: list[float]


Evaluation = dict[str, dict[str, Score]]  # split -> name -> score


def halves(n: int, times: int, rng: np.random.Generator) -> Iterator[Int[np.ndarray, "half"]]:
    """Random halves of n rows, in order: the resamples behind every interval over images.

    A bootstrap without replacement (the half-sample jackknife; Shao and Wu, Annals of Statistics 17, 1989):
    a statistic whose error falls as 1 / sqrt(n) has the same variance over the halves of its sample as
    over fresh samples of the whole size. With replacement, copies of an image would be each other's nearest
    neighbours, and raise every estimate of information.
    """
    for _ in range(times):
        yield np.sort(rng.permutation(n)[: (n + 1) // 2])


def score(
    value: float,
    draws: Sequence[float] | Float[np.ndarray, "draws"],
    protocol: str,
    *,
    lowest: float = 0.0,
    highest: float = 1.0,
) -> Score:
    """A score with the interval of Student's t around its value, from what its resamples gave.

    Args:
        lowest, highest: the range of the score, where the interval ends.
    """
    found = [float(draw) for draw in draws]
    reach = half_width(found)
    return Score(
        value=float(value),
        low=max(lowest, value - reach),
        high=min(highest, value + reach),
        protocol=protocol,
        draws=found,
    )


def half_width(draws: Sequence[float]) -> float:
    """Half the 95 % interval of Student's t that these resamples of a score, or of a difference, give."""
    return float(t.ppf(0.975, len(draws) - 1) * np.std(draws, ddof=1))
