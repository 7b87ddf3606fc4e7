"""Parametric chairs, built of closed convex solids.

Coordinates are in metres: the y axis points up from the floor at y = 0, and the chair faces +z.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, final

import numpy as np
from jaxtyping import Float, Int

CUSHION, WOOD, METAL = 0.85, 0.6, 0.4  # albedos
SEAT_DEPTH = 0.46  # from front to back, m
LEG_SPLAY = 0.03  # m by which the foot of a leg stands further out than its top, along x and along z
RECLINE = math.tan(math.radians(11))  # m by which the back leans backwards, per m of height
BEVEL = 0.25  # width of a cushion's bevelled edges, as a share of its thickness
N_SLATS = 4
N_SPOKES = 5

Point = tuple[float, float, float]


@final
@dataclass(frozen=True)
class Chair:
    """The shape of a chair; lengths in metres."""

    swivel: bool  # a column on five spokes instead of four legs
    slats: bool  # a back of slats instead of a solid one
    arms: bool
    width: float  # of the seat
    seat: float  # height of its top above the floor
    back: float  # height of the back above the seat

    def solids(self) -> Iterator["Solid"]:
        """The parts, which may overlap."""
        yield from _seat(self)
        yield from _column(self) if self.swivel else _legs(self)
        yield from _slatted_back(self) if self.slats else _solid_back(self)
        if self.arms:
            yield from _arms(self)


class Solid(NamedTuple):
    """A closed surface of one albedo. Seen from outside, its triangles are counter-clockwise."""

    vertices: Float[np.ndarray, "v 3"]
    triangles: Int[np.ndarray, "t 3"]
    albedo: float


def outline(u: float, v: float, power: float = 1.0, n: int = 16) -> Float[np.ndarray, "n 2"]:
    """A cross-section: a superellipse with half-axes u and v, as a polygon of n points.

    `power` 1 gives an ellipse and 0 a rectangle. With n = 4 it is a rectangle for any power.
    """
    angle = 2 * math.pi * (np.arange(n) + 0.5) / n
    corner = np.stack([np.cos(angle), np.sin(angle)], axis=1) / math.cos(math.pi / n)
    points: Float[np.ndarray, "n 2"] = np.sign(corner) * np.abs(corner) ** power * np.array([u, v])
    return points


def loft(
    line: Sequence[Point] | Float[np.ndarray, "r 3"],
    sections: Sequence[Float[np.ndarray, "n 2"]],
    albedo: float,
) -> Solid:
    """The solid between cross-sections, which are perpendicular to a straight line and centred on its points.

    In space, the v axis of the cross-sections is perpendicular to the line and to their u axis. The u axis is
    perpendicular to the line and to z, or to y if the line is nearly parallel to z.

    Args:
        line: the centre of each cross-section, r points.
        sections: r cross-sections of n points each, as `outline` returns them.
    """
    points = np.array(line)
    along = (points[-1] - points[0]) / np.linalg.norm(points[-1] - points[0])
    u = np.cross(along, [0.0, 1.0, 0.0] if abs(along[2]) > 0.9 else [0.0, 0.0, 1.0])
    u /= np.linalg.norm(u)
    v = np.cross(along, u)
    rings = np.stack([p + s @ np.stack([u, v]) for p, s in zip(points, sections, strict=True)])
    r, n, _ = rings.shape
    i = np.arange(n)
    j = (i + 1) % n
    first, last = np.full(n, r * n), np.full(n, r * n + 1)
    faces = [np.stack([first, j, i], axis=1), np.stack([last, (r - 1) * n + i, (r - 1) * n + j], axis=1)]
    for low, high in zip(range(0, (r - 1) * n, n), range(n, r * n, n), strict=True):
        faces += [np.stack([low + i, low + j, high + j], 1), np.stack([low + i, high + j, high + i], 1)]
    vertices = np.concatenate([rings.reshape(-1, 3), points[[0, -1]]])
    return Solid(vertices, np.concatenate(faces), albedo)


def _bar(start: Point, end: Point, u: float, v: float, albedo: float, taper: float = 1.0) -> Solid:
    return loft([start, end], [outline(u, v, n=4), outline(taper * u, taper * v, n=4)], albedo)


def _rod(start: Point, end: Point, radius: float, albedo: float, taper: float = 1.0) -> Solid:
    return loft([start, end], [outline(radius, radius), outline(taper * radius, taper * radius)], albedo)


def _cushion(start: Point, end: Point, u: float, v: float, albedo: float) -> Solid:
    """A slab with rounded corners and bevelled edges."""
    bevel = BEVEL * math.dist(start, end)
    inner, outer = outline(u - bevel, v - bevel, 0.3, 24), outline(u, v, 0.3, 24)
    t = np.array([[0.0], [BEVEL], [1 - BEVEL], [1.0]])
    line = start + t * (np.array(end) - start)
    return loft(line, [inner, outer, outer, inner], albedo)


def _seat(c: Chair) -> Iterator[Solid]:
    yield _cushion((0.0, c.seat - 0.06, 0.0), (0.0, c.seat, 0.0), c.width / 2, SEAT_DEPTH / 2, CUSHION)


def _legs(c: Chair) -> Iterator[Solid]:
    top, x, z = c.seat - 0.05, c.width / 2 - 0.045, SEAT_DEPTH / 2 - 0.045
    yield _bar((0.0, top - 0.06, 0.0), (0.0, top, 0.0), x, z, WOOD)
    for side in (-1, 1):
        for end in (-1, 1):
            foot = (side * (x + LEG_SPLAY), 0.0, end * (z + LEG_SPLAY))
            yield _bar((side * x, top, end * z), foot, 0.024, 0.024, WOOD, taper=0.6)


def _column(c: Chair) -> Iterator[Solid]:
    yield _rod((0.0, c.seat - 0.1, 0.0), (0.0, c.seat - 0.04, 0.0), 0.09, METAL, taper=1.5)
    yield _rod((0.0, 0.06, 0.0), (0.0, c.seat - 0.08, 0.0), 0.032, METAL, taper=0.75)
    for spoke in range(N_SPOKES):
        angle = 2 * math.pi * spoke / N_SPOKES
        x, z = math.sin(angle), math.cos(angle)
        yield _bar((0.0, 0.1, 0.0), (0.29 * x, 0.06, 0.29 * z), 0.026, 0.026, METAL, taper=0.6)
        axle = [(0.29 * x + t * z, 0.03, 0.29 * z - t * x) for t in (-0.02, 0.02)]
        yield _rod(axle[0], axle[1], 0.03, METAL)


def _back_point(c: Chair, x: float, height: float) -> Point:
    """The point of the reclining back at this x and at this height above the seat."""
    return (x, c.seat + height, 0.03 - SEAT_DEPTH / 2 - RECLINE * height)


def _solid_back(c: Chair) -> Iterator[Solid]:
    _, y, z = _back_point(c, 0.0, c.back / 2)
    slant = math.hypot(1, RECLINE)
    dy, dz = 0.03 * RECLINE / slant, 0.03 / slant
    yield _cushion((0.0, y - dy, z - dz), (0.0, y + dy, z + dz), c.width / 2, slant * c.back / 2, CUSHION)


def _slatted_back(c: Chair) -> Iterator[Solid]:
    x = c.width / 2 - 0.03
    for side in (-1, 1):
        yield _bar(_back_point(c, side * x, -0.05), _back_point(c, side * x, c.back), 0.022, 0.02, WOOD)
    yield _bar(_back_point(c, 0.0, c.back - 0.08), _back_point(c, 0.0, c.back), x, 0.016, WOOD)
    yield _bar(_back_point(c, 0.0, 0.08), _back_point(c, 0.0, 0.12), x, 0.016, WOOD)
    for k in range(N_SLATS):
        x_slat = x * (2 * (k + 1) / (N_SLATS + 1) - 1)
        yield _bar(_back_point(c, x_slat, 0.1), _back_point(c, x_slat, c.back - 0.04), 0.1 * x, 0.008, WOOD)


def _arms(c: Chair) -> Iterator[Solid]:
    x, height = c.width / 2 + 0.015, 0.22
    for side in (-1, 1):
        rear = _back_point(c, side * x, height)
        yield _bar(rear, (side * x, c.seat + height, 0.15), 0.028, 0.016, WOOD)
        yield _bar((side * x, c.seat - 0.05, 0.1), (side * x, c.seat + height, 0.1), 0.018, 0.02, WOOD)
