"""Where rays meet convex solids that stand on the floor (y = 0) at its centre."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias, final

import numpy as np
from jaxtyping import Float

Points: TypeAlias = Float[np.ndarray, "n"]
Vectors: TypeAlias = Float[np.ndarray, "3 n"]


@final
class Rays(NamedTuple):
    """Half-lines."""

    origin: Float[np.ndarray, "3 _"]  # one for all, or one of each
    direction: Vectors  # of any length, which is the unit of distance

    def at(self, distance: Points) -> Vectors:
        """The points at a distance along each ray."""
        points: np.ndarray = self.origin + distance * self.direction
        return points


@final
class Hits(NamedTuple):
    """Where rays enter a solid from outside."""

    distance: Points  # inf for a miss
    normals: Vectors  # unit, outwards; any numbers for a miss


Solid: TypeAlias = Callable[[Rays], Hits]


def cube(half: float) -> Solid:
    """A cube with edges of length 2 `half` along the axes."""

    def hit(rays: Rays) -> Hits:
        near, far = _slab(rays.origin - [[0], [half], [0]], rays.direction, half)
        axis = near.argmax(axis=0)
        normals = -np.sign(rays.direction) * (axis == np.arange(3)[:, None])
        return Hits(_entry(near.max(axis=0), far.min(axis=0)), normals)

    return hit


def cylinder(radius: float, height: float) -> Solid:
    """An upright cylinder."""

    def hit(rays: Rays) -> Hits:
        end_near, end_far = _slab(rays.origin[1] - height / 2, rays.direction[1], height / 2)
        side_near, side_far = _round(rays.origin[::2], rays.direction[::2], radius)
        near, far = np.maximum(end_near, side_near), np.minimum(end_far, side_far)
        points = rays.at(side_near)
        side = points * [[1], [0], [1]] / radius
        end = -np.sign(rays.direction) * [[0], [1], [0]]
        return Hits(_entry(near, far), np.where(end_near > side_near, end, side))

    return hit


def pill(radius: float, height: float) -> Solid:
    """An upright cylinder between two half balls, `height` in all, at least 2 `radius`."""
    low, high = radius, height - radius

    def hit(rays: Rays) -> Hits:
        near, far = _round(rays.origin[::2], rays.direction[::2], radius)
        is_between = (low <= rays.at(near)[1]) & (rays.at(near)[1] <= high)
        distance = np.where(is_between, _entry(near, far), np.inf)
        for y in (low, high):
            end = _entry(*_round(rays.origin - [[0], [y], [0]], rays.direction, radius))
            distance = np.minimum(distance, end)
        points = rays.at(distance)
        points[1] -= points[1].clip(low, high)
        return Hits(distance, points / radius)

    return hit


def ball(radius: float) -> Solid:
    """A ball."""
    return pill(radius, 2 * radius)


def _slab(origin: np.ndarray, direction: np.ndarray, half: float) -> tuple[np.ndarray, np.ndarray]:
    """The distances at which a coordinate enters and leaves -half to half."""
    ends = (-half - origin) / direction, (half - origin) / direction
    return np.minimum(*ends), np.maximum(*ends)


def _round(origin: np.ndarray, direction: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """The distances at which rays enter and leave a disc or a ball about 0; NaN for a miss."""
    a = (direction * direction).sum(axis=0)
    b = (origin * direction).sum(axis=0)
    c = (origin * origin).sum(axis=0) - radius**2
    with np.errstate(invalid="ignore"):
        root = np.sqrt(b * b - a * c)
    return (-b - root) / a, (-b + root) / a


def _entry(near: np.ndarray, far: np.ndarray) -> Points:
    """The distance at which rays that start outside enter what they are in between two distances."""
    return np.where((near < far) & (near > 0), near, np.inf)
