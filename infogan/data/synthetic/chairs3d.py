"""Chairs3D: rendered chairs in the views of Aubry et al. (2014), 31 azimuths x 2 elevations per shape."""

import inspect
import math
import sys

import numpy as np
import torch
from jaxtyping import Float, UInt8

from infogan.data.cache import cached_arrays
from infogan.data.images import Factor, Factors, Images
from infogan.data.options import DatasetInfo
from infogan.data.synthetic import chair_shapes, render
from infogan.data.synthetic.chair_shapes import Chair
from infogan.data.synthetic.render import Mesh, Scene, View, run_in_threads
from infogan.utils.rng import make_rng

VIEWPOINT = (Factor("azimuth", "angle"), Factor("elevation", "number"))  # radians
SHAPE = (
    Factor("base", "category"),  # 0 four legs, 1 a column on five spokes
    Factor("back", "category"),  # 0 solid, 1 slats
    Factor("arms", "category"),  # 0 none, 1 arms
    Factor("width", "number"),  # of the seat, metres
    Factor("seat_height", "number"),  # above the floor, metres
    Factor("back_height", "number"),  # above the seat, metres
)
FACTORS = SHAPE + VIEWPOINT
MIN_LENGTHS = np.array([0.38, 0.36, 0.30])  # width, seat_height, back_height
MAX_LENGTHS = np.array([0.66, 0.54, 0.60])

ANGLES = np.array([(2 * math.pi * k / 31, math.radians(e)) for k in range(31) for e in (20, 30)])
SIDE = 64
LIGHT = (-0.36, 0.64, math.sqrt(1 - 0.36**2 - 0.64**2))
CENTRE = 0.59  # height of the centre of the image above the floor, metres
HALF_WIDTH = 0.74  # of the image, metres; the largest chair fits

SPLITS = {"train": range(800), "test": range(800, 900)}


def render_chairs(
    values: Float[np.ndarray, "n 8"], light: tuple[float, float, float] = LIGHT
) -> UInt8[np.ndarray, "n 1 64 64"]:
    """The image of each row of factors, which have the order and units of `FACTORS` and any values.

    `light` is a unit vector towards the light, in the camera's axes: right, up, towards the camera.
    """
    shapes, shape_of_row = np.unique(values[:, : len(SHAPE)], axis=0, return_inverse=True)
    x = np.empty((len(values), 1, SIDE, SIDE), np.uint8)

    def render_shape(i: int) -> None:
        rows = shape_of_row == i
        x[rows] = render_views(chair_mesh(shapes[i]), HALF_WIDTH, values[rows, len(SHAPE) :], light)

    run_in_threads(render_shape, len(shapes), "rendering chairs")
    return x


def chair_mesh(shape: Float[np.ndarray, "6"]) -> Mesh:
    """The chair of these values of `SHAPE`, in metres, with the centre of the image at the origin."""
    base, back, arms, *lengths = shape.tolist()
    solids = list(Chair(base == 1, back == 1, arms == 1, *lengths).solids())
    starts = np.cumsum([0] + [len(s.vertices) for s in solids[:-1]])
    return Mesh(
        vertices=np.concatenate([s.vertices for s in solids]) - [0, CENTRE, 0],
        triangles=np.concatenate([s.triangles + start for s, start in zip(solids, starts, strict=True)]),
        albedo=np.concatenate([np.full(len(s.triangles), s.albedo) for s in solids]),
    )


def sample_shape(index: int) -> Float[np.ndarray, "6"]:
    """Random values of `SHAPE`, uniform in their ranges; a function of the index only."""
    u = torch.rand(6, generator=make_rng(index, "chairs3d"), dtype=torch.float64).numpy()
    return np.concatenate([u[:3] < 0.5, MIN_LENGTHS + (MAX_LENGTHS - MIN_LENGTHS) * u[3:]])


def render_views(
    mesh: Mesh,
    half_width: float,
    angles: Float[np.ndarray, "v 2"] = ANGLES,
    light: tuple[float, float, float] = LIGHT,
) -> UInt8[np.ndarray, "v 1 64 64"]:
    """A mesh on white, from each of these azimuths and elevations (radians)."""
    scene = Scene(mesh)
    views = [View(a, e, SIDE, half_width, light, background=1.0) for a, e in angles.tolist()]
    return np.stack([scene.render(view) for view in views])[:, None]


def load_views(name: str, chairs: range) -> Images:
    """All views of these chairs, chair by chair, in the order of `ANGLES`; rendered once, then cached."""
    shapes = np.stack([sample_shape(index) for index in chairs])
    values = np.concatenate([shapes.repeat(len(ANGLES), axis=0), np.tile(ANGLES, (len(chairs), 1))], axis=1)
    key = f"{chairs} {rendering_code()} {inspect.getsource(chair_shapes)}"
    x = cached_arrays(name, key, lambda: {"x": render_chairs(values)})["x"]
    return Images.from_arrays(x, factors=Factors(FACTORS, values))


def rendering_code() -> str:
    """The source code that renders the images: part of the cache key, so that a change renders them again."""
    return inspect.getsource(render) + inspect.getsource(sys.modules[__name__])


CHAIRS3D = DatasetInfo(
    name="chairs3d",
    description="Chairs of many shapes from all sides, 64x64, gray, rendered with known factors",
    licence="MIT; rendered by this package",
    shape=(1, SIDE, SIDE),
    splits={split: len(chairs) * len(ANGLES) for split, chairs in SPLITS.items()},
    load=lambda _, split: load_views(f"chairs3d-{split}", SPLITS[split]),  # no file is needed
    factors=FACTORS,
)
