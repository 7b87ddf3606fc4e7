"""Rooms3D: the grid of factors of 3D Shapes (Burgess and Kim 2018), rendered anew: a solid in a room, 64x64.

10 floor hues x 10 wall hues x 10 object hues x 8 scales x 4 shapes x 15 orientations = 480,000 images, in
the order of 3D Shapes: the last factor varies fastest. These are not the published images.

Image = Σ over floor, walls and object of shading x colour (Lambert's law, a lamp in the room, one shadow).
The shading depends on the scale, the shape and the orientation only, so it is ray-cast once for each of their
480 combinations, and the hues colour it. Both are whole numbers: an image has the same bits on any device.

The hues are angles, as in the reader of 3D Shapes. An association with a code then knows that hue 0.9 is next
to hue 0; the scores of disentanglement see ten unordered values of any factor, as published. The orientation
is no full turn, so it is a number.
"""

import inspect
import math
import sys
from functools import cache
from itertools import product
from typing import final

import numpy as np
import torch
from jaxtyping import Int, Int16, UInt8
from torch import Tensor

from infogan.data.cache import cached_arrays
from infogan.data.datasets.factored import SHAPES3D_FACTORS as FACTORS
from infogan.data.formats.npy import Arrays
from infogan.data.images import Factors, Images, PixelArray
from infogan.data.labels import Labels
from infogan.data.options import DatasetInfo, LoadOptions
from infogan.data.synthetic import solids
from infogan.data.synthetic.solids import Points, Rays, Solid, Vectors, ball, cube, cylinder, pill
from infogan.utils.progress import progress

SIDE = 64
GRID = (
    *(2 * math.pi * np.arange(10) / 10,) * 3,  # hues of the floor, the walls and the object
    np.linspace(0.75, 1.25, 8),
    np.arange(4.0),  # as SHAPES
    np.radians(np.linspace(-30, 30, 15)),  # positive if the camera is to the right
)
SHAPES: tuple[Solid, ...] = (cube(0.5), cylinder(0.5, 1.0), ball(0.55), pill(0.38, 1.2))
N_IMAGES = math.prod(map(len, GRID))
N_HUES = len(GRID[0])
N_SHADINGS = math.prod(map(len, GRID[3:]))

# Lengths in units of the side of a cube of scale 1, which stands in the middle of the floor. x is to the
# right, y up and z towards the camera at orientation 0.
PLANES = (  # floor, back, left and right wall: unit normal into the room, and its product with a point of it
    ((0.0, 1.0, 0.0), 0.0),
    ((0.0, 0.0, 1.0), -2.0),
    ((1.0, 0.0, 0.0), -2.0),
    ((-1.0, 0.0, 0.0), -2.0),
)
CAMERA_DISTANCE, CAMERA_HEIGHT, TARGET_HEIGHT = 5.0, 2.4, 0.75  # distance along the floor
HALF_WIDTH = 0.30  # of the image, at distance 1: the tangent of half the angle of view
LAMP = (-1.2, 4.5, 2.7)
AMBIENT = 0.35  # share of the light that comes from all directions
SUPERSAMPLING = 3  # a pixel has 3 x 3 rays
ONE = 2**14  # the shading of a surface that is fully lit


@cache
def palette() -> UInt8[Tensor, "hues 3"]:
    """The fully saturated, bright colours of the hues, evenly spaced around the circle from red."""
    sixths = 6 * np.arange(N_HUES)[:, None] / N_HUES + [0, 4, 2]
    return torch.from_numpy(np.rint(255 * np.clip(abs(sixths % 6 - 3) - 1, 0, 1)).astype(np.uint8))


def shade_room(scale: float, shape: int, orientation: float) -> Int16[np.ndarray, "3 64 64"]:
    """The shading of the floor, the walls and the object, each 0 where another one is seen, up to `ONE`.

    Args:
        scale: of the object, about 1.
        shape: 0 cube, 1 cylinder, 2 sphere, 3 capsule.
        orientation: of the camera around the object, in radians.
    """
    solid, rays = SHAPES[shape], camera_rays(orientation)
    room_distance, room_normals, plane = hit_room(rays)
    distance, normals = solid(Rays(rays.origin / scale, rays.direction / scale))
    is_object = distance < room_distance
    points = rays.at(np.where(is_object, distance, room_distance))
    towards_lamp = np.array(LAMP)[:, None] - points
    blocked = solid(Rays(points / scale, towards_lamp / scale)).distance < 1
    cosine = (np.where(is_object, normals, room_normals) * towards_lamp).sum(axis=0)
    direct = np.maximum(cosine, 0) / np.linalg.norm(towards_lamp, axis=0)
    light = AMBIENT + (1 - AMBIENT) * np.where(is_object | ~blocked, direct, 0)  # the solids are convex
    surface = np.where(is_object, 2, np.minimum(plane, 1))
    of_ray = light * (surface == np.arange(3)[:, None])
    pixels = of_ray.reshape(3, SIDE, SUPERSAMPLING, SIDE, SUPERSAMPLING).mean(axis=(2, 4))
    shading: np.ndarray = np.rint(ONE * pixels).astype(np.int16)
    return shading


def camera_rays(orientation: float) -> Rays:
    """The rays of all pixels, row by row from the top; their directions are not unit vectors."""
    sin, cos = math.sin(orientation), math.cos(orientation)
    origin = np.array([CAMERA_DISTANCE * sin, CAMERA_HEIGHT, CAMERA_DISTANCE * cos])
    forward = np.array([0, TARGET_HEIGHT, 0]) - origin
    forward /= np.linalg.norm(forward)
    right = np.array([cos, 0, -sin])
    up = np.cross(right, forward)
    n = SIDE * SUPERSAMPLING
    across = HALF_WIDTH * ((2 * np.arange(n) + 1) / n - 1)
    direction = forward[:, None, None] + right[:, None, None] * across - up[:, None, None] * across[:, None]
    return Rays(origin[:, None], direction.reshape(3, -1))


def hit_room(rays: Rays) -> tuple[Points, Vectors, Int[np.ndarray, "n"]]:
    """The distance of the floor or wall that each ray meets from inside, its normal, and its index."""
    normals = np.array([normal for normal, _ in PLANES])
    offsets = np.array([[offset] for _, offset in PLANES])
    approach = normals @ rays.direction
    with np.errstate(divide="ignore"):
        distance = np.where(approach < 0, (offsets - normals @ rays.origin) / approach, np.inf)
    distance[distance < 0] = np.inf
    plane = distance.argmin(axis=0)
    return distance.min(axis=0), normals[plane].T, plane


@cache
def all_shadings() -> Int16[Tensor, "shadings 3 64 64"]:
    """The shading of every scale, shape and orientation of the grid, the last fastest (12 MB).

    It is rendered once, in seconds, then cached on the disk.
    """

    def render() -> Arrays:
        scales, shapes, orientations = (levels.tolist() for levels in GRID[3:])
        rooms = list(product(scales, map(int, shapes), orientations))
        return {"shadings": np.stack([shade_room(*room) for room in progress(rooms, "rendering rooms")])}

    code = "".join(inspect.getsource(module) for module in (solids, sys.modules[__name__]))
    return torch.from_numpy(cached_arrays("rooms3d", code, render)["shadings"])


@final
class Rooms3D(PixelArray):
    """The images of the grid, coloured on demand; the same bits in any batch and on any device."""

    def __init__(self, device: torch.device | None = None) -> None:
        self._shadings = all_shadings().to(device)
        self._palette = palette().to(device).int()

    @property
    def shape(self) -> tuple[int, int, int]:
        return 3, SIDE, SIDE

    def __len__(self) -> int:
        return N_IMAGES

    def take(self, index: Int[Tensor, "b"]) -> UInt8[Tensor, "b 3 64 64"]:
        index = index.to(self._shadings.device)
        shading = self._shadings[index % N_SHADINGS].int()
        hues = index // N_SHADINGS
        x = torch.full((len(index), 3, SIDE, SIDE), ONE // 2, dtype=torch.int32, device=index.device)
        for surface, hue in enumerate((hues // N_HUES**2, hues // N_HUES % N_HUES, hues % N_HUES)):
            x += shading[:, surface, None] * self._palette[hue][:, :, None, None]
        return (x // ONE).to(torch.uint8)

    def to(self, device: torch.device) -> "Rooms3D":
        return Rooms3D(device)


def load_rooms3d(load_options: LoadOptions, split: str) -> Images:
    """All 480,000 images, with the shape as label; no file is needed."""
    factors = Factors.on_grid(FACTORS, GRID)
    return Images(Rooms3D(), Labels(factors.values[:, 4].astype(np.int64)), factors=factors)


ROOMS3D = DatasetInfo(
    name="rooms3d",
    description="The factors of 3D Shapes, rendered anew: a solid in a room, in colour, 64x64",
    licence="MIT; rendered by this package",
    shape=(3, SIDE, SIDE),
    splits={"train": N_IMAGES},
    load=load_rooms3d,
    label_name="shape",
    factors=FACTORS,
)
