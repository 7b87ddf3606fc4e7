"""Training curves as small SVG charts, which the report's template draws."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

WIDTH, HEIGHT = 300, 150  # of the plot itself, in CSS pixels
MAX_POINTS = 200  # of a curve; longer ones are averaged


class Curve(NamedTuple):
    label: str
    points: str  # of an SVG polyline


class Tick(NamedTuple):
    position: float  # from the left, or from the top
    label: str


class Chart(NamedTuple):
    """Curves over the training steps, in a box of WIDTH by HEIGHT."""

    title: str
    alt: str
    curves: list[Curve]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    reference: Tick | None  # a dashed horizontal line


def make_chart(
    title: str,
    steps: Sequence[float],
    curves: Mapping[str, Sequence[float]],
    reference: tuple[str, float] | None = None,
) -> Chart:
    """A chart that shows 0 and 96 % of the values; the rest are clipped to its edges.

    Args:
        curves: by label; values that are not finite are left out.
        reference: the label and value of a line to compare with.
    """
    x = _averaged(steps)
    averaged = {label: _averaged(values) for label, values in curves.items()}
    y = np.concatenate(list(averaged.values()))
    y = y[np.isfinite(y)]
    limits = [0.0, *([reference[1]] if reference else []), *(np.quantile(y, [0.02, 0.98]) if len(y) else [])]
    low, high = float(min(limits)), float(max(limits))
    if high == low:
        high = low + 1.0
    margin = 0.05 * (high - low)
    low, high = low - (margin if low < 0 else 0.0), high + margin

    def to_x(value: float) -> float:
        return round(float(value) / max(float(x[-1]), 1.0) * WIDTH, 1)

    def to_y(value: float) -> float:
        return round((high - min(max(float(value), low), high)) / (high - low) * HEIGHT, 1)

    drawn = [
        Curve(
            label, " ".join(f"{to_x(a)},{to_y(b)}" for a, b in zip(x, values, strict=True) if np.isfinite(b))
        )
        for label, values in averaged.items()
    ]
    ends = "; ".join(f"{label} ends at {values[-1]:.3g}" for label, values in averaged.items())
    return Chart(
        title,
        f"{title} over {x[-1]:,.0f} steps: {ends}",
        drawn,
        [Tick(to_x(t), f"{t:,.0f}") for t in nice_ticks(0.0, float(x[-1]), 3)],
        [Tick(to_y(t), f"{t:,.10g}") for t in nice_ticks(low, high, 4)],
        Tick(to_y(reference[1]), reference[0]) if reference else None,
    )


def nice_ticks(low: float, high: float, n: int) -> list[float]:
    """The multiples of 1, 2 or 5 times a power of ten between low and high, about n + 1 of them."""
    raw = (high - low) / n
    power = 10 ** math.floor(math.log10(raw))
    step = next(s for s in (power, 2 * power, 5 * power, 10 * power) if s >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(round(i * step, 10)) for i in range(first, last + 1)]


def _averaged(values: Sequence[float]) -> np.ndarray:
    array = np.array(values, dtype=float)
    if len(array) <= MAX_POINTS:
        return array
    return np.array([part.mean() for part in np.array_split(array, MAX_POINTS)])
