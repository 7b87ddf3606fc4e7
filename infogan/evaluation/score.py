"""A score with its 95 % interval and the protocol by which it was measured."""

from collections.abc import Iterator, Sequence
from typing import TypedDict

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import t


class Score(TypedDict):
    """A value, its 95 % interval, its protocol in words, and its values on resamples of the images.

    Resample i is the same images for every model that is scored on the same images.
    """

    value: float
    low: float
    high: float
    protocol: str
    resamples: list[float]


Evaluation = dict[str, dict[str, Score]]  # split -> name -> score


def sample_halves(n: int, n_resamples: int, rng: np.random.Generator) -> Iterator[Int[np.ndarray, "half"]]:
    """Sorted indices of random halves of n images: the resamples behind every interval over images.

    A bootstrap without replacement (the half-sample jackknife; Shao and Wu, Annals of Statistics 17, 1989):
    a statistic whose error falls as 1 / sqrt(n) has the same variance over halves of its sample as over
    fresh samples of the full size. With replacement, copies of an image would be each other's nearest
    neighbours and raise every estimate of information.
    """
    for _ in range(n_resamples):
        yield np.sort(rng.permutation(n)[: (n + 1) // 2])


def make_score(
    value: float,
    resamples: Sequence[float] | Float[np.ndarray, "resamples"],
    protocol: str,
    *,
    min_value: float = 0.0,
    max_value: float = 1.0,
) -> Score:
    """A score with an interval around its value, clipped to the range of the score."""
    resampled = [float(resample) for resample in resamples]
    half_width = interval_half_width(resampled)
    return Score(
        value=float(value),
        low=max(min_value, value - half_width),
        high=min(max_value, value + half_width),
        protocol=protocol,
        resamples=resampled,
    )


def interval_half_width(resamples: Sequence[float]) -> float:
    """Half the width of Student's 95 % interval, from the values of a score on resamples."""
    return float(t.ppf(0.975, len(resamples) - 1) * np.std(resamples, ddof=1))
