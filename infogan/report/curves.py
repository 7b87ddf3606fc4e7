"""Training curves as points of small charts; the page's template draws them."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

WIDTH, HEIGHT = 300, 150  # of the plot itself, in CSS pixels
POINTS = 200  # a curve; of a longer one, means


class Curve(NamedTuple):
    label: str
    points: str  # as SVG's polyline takes them


class Tick(NamedTuple):
    at: float  # from the left, or from the top
    label: str


class Chart(NamedTuple):
    """Curves over the updates, in a box of WIDTH and HEIGHT."""

    title: str
    alt: str
    curves: list[Curve]
    x: list[Tick]
    y: list[Tick]
    line: Tick | None  # a level to compare with


def chart(
    title: str,
    steps: Sequence[float],
    curves: dict[str, Sequence[float]],
    level: tuple[str, float] | None = None,
) -> Chart:
    """One chart; it shows 0 and all values but the utmost 2 % at either end, which lie at its edge.

    Args:
        curves: by their label; values that are not finite are left out.
        level: a line to compare with, and its name.
    """
    x = _thinned(steps)
    thin = {label: _thinned(values) for label, values in curves.items()}
    every = np.concatenate(list(thin.values()))
    most = np.quantile(every[np.isfinite(every)], [0.02, 0.98]) if np.isfinite(every).any() else []
    ends = [0.0, *([level[1]] if level else []), *map(float, most)]
    low, high = min(ends), max(ends)
    if high == low:
        high = low + 1.0
    margin = 0.05 * (high - low)
    low, high = low - (margin if low < 0 else 0.0), high + margin

    def across(value: float) -> float:
        return round(float(value) / max(float(x[-1]), 1.0) * WIDTH, 1)

    def down(value: float) -> float:
        return round((high - min(max(float(value), low), high)) / (high - low) * HEIGHT, 1)

    drawn = [
        Curve(
            label,
            " ".join(f"{across(a)},{down(b)}" for a, b in zip(x, values, strict=True) if np.isfinite(b)),
        )
        for label, values in thin.items()
    ]
    last = "; ".join(f"{label} ends at {values[-1]:.3g}" for label, values in thin.items())
    return Chart(
        title,
        f"{title} over {x[-1]:,.0f} updates: {last}",
        drawn,
        [Tick(across(t), f"{t:,.0f}") for t in nice_ticks(0.0, float(x[-1]), 3)],
        [Tick(down(t), f"{t:,.10g}") for t in nice_ticks(low, high, 4)],
        Tick(down(level[1]), level[0]) if level else None,
    )


def nice_ticks(low: float, high: float, about: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten, between low and high, about so many steps."""
    raw = (high - low) / about
    power = 10 ** math.floor(math.log10(raw))
    step = next(s for s in (power, 2 * power, 5 * power, 10 * power) if s >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(round(i * step, 10)) for i in range(first, last + 1)]


def _thinned(values: Sequence[float]) -> np.ndarray:
    array = np.array(values, dtype=float)
    if len(array) <= POINTS:
        return array
    return np.array([part.mean() for part in np.array_split(array, POINTS)])
