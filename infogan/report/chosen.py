"""Which real images stand for a code: those at its ends, the typical ones, those around its circle."""

import numpy as np
from jaxtyping import Float, Int


def lowest_and_highest(
    values: Float[np.ndarray, "n"], most: int
) -> tuple[Int[np.ndarray, "m"], Int[np.ndarray, "m"]]:
    """The images at both ends, the most extreme one first; of few images, no image at both."""
    order = np.argsort(values, kind="stable")
    m = min(most, len(order) // 2)
    return order[:m], order[::-1][:m]


def most_typical(
    values: Float[np.ndarray, "n"], spreads: Float[np.ndarray, "n"], category: int, most: int
) -> Int[np.ndarray, "m"]:
    """The members of a category, the surest first."""
    members = np.flatnonzero(values == category)
    return members[np.argsort(spreads[members], kind="stable")][:most]


def around(values: Float[np.ndarray, "n"], angles: Float[np.ndarray, "m"]) -> Int[np.ndarray, "m"]:
    """The image nearest to each angle."""
    apart = np.abs(np.angle(np.exp(1j * (values[None] - angles[:, None]))))
    nearest: np.ndarray = apart.argmin(axis=1)
    return nearest
