"""Chairs drawn here, seen as Aubry et al. (2014) show theirs: every shape from 31 azimuths x 2 elevations."""

import inspect
import math
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from jaxtyping import Float, UInt8

from infogan.data.cache import kept
from infogan.data.images import Factor, Factors, Images
from infogan.data.source import DatasetInfo, LoadOptions
from infogan.data.synthetic import chair_shapes, render
from infogan.data.synthetic.chair_shapes import Chair
from infogan.data.synthetic.render import Mesh, Scene, View
from infogan.utils.progress import progress
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
LOW, HIGH = np.array([0.38, 0.36, 0.30]), np.array([0.66, 0.54, 0.60])  # the three lengths, metres

ANGLES = np.array([(2 * math.pi * k / 31, math.radians(e)) for k in range(31) for e in (20, 30)])
SIDE = 64
LIGHT = (-0.36, 0.64, math.sqrt(1 - 0.36**2 - 0.64**2))
CENTRE = 0.59  # height above the floor that the camera looks at, metres
HALF_WIDTH = 0.74  # metres; the largest chair fits

CHAIRS = {"train": range(800), "test": range(800, 900)}


def draw(
    values: Float[np.ndarray, "n 8"], light: tuple[float, float, float] = LIGHT
) -> UInt8[np.ndarray, "n 1 64 64"]:
    """The image of each row of factors, in the order and units of `FACTORS`, be it in the data set or not.

    Args:
        light: unit vector towards the light, seen from the camera: right, up, back to the camera.

    Raises:
        InfoganError: where embreex is not installed.
    """
    shapes, which = np.unique(values[:, : len(SHAPE)], axis=0, return_inverse=True)
    x = np.empty((len(values), 1, SIDE, SIDE), np.uint8)

    def draw_shape(i: int) -> None:
        rows = which == i
        x[rows] = turntable(chair_mesh(shapes[i]), HALF_WIDTH, values[rows, len(SHAPE) :], light)

    on_all_processors(draw_shape, len(shapes), "drawing chairs")
    return x


def chair_mesh(shape: Float[np.ndarray, "6"]) -> Mesh:
    """The chair of these values of `SHAPE`, in metres around the point that the camera looks at."""
    base, back, arms, width, seat_height, back_height = shape.tolist()
    solids = list(Chair(base == 1, back == 1, arms == 1, width, seat_height, back_height).solids())
    starts = np.cumsum([0] + [len(s.vertices) for s in solids[:-1]])
    return Mesh(
        vertices=np.concatenate([s.vertices for s in solids]) - [0, CENTRE, 0],
        triangles=np.concatenate([s.triangles + start for s, start in zip(solids, starts, strict=True)]),
        albedo=np.concatenate([np.full(len(s.triangles), s.albedo) for s in solids]),
    )


def chair_shape(index: int) -> Float[np.ndarray, "6"]:
    """The values of `SHAPE` of a chair of the data set: fair coins and uniform lengths, by index alone."""
    u = torch.rand(6, generator=make_rng(index, "chairs3d"), dtype=torch.float64).numpy()
    return np.concatenate([u[:3] < 0.5, LOW + (HIGH - LOW) * u[3:]])


def turntable(
    mesh: Mesh,
    half_width: float,
    angles: Float[np.ndarray, "v 2"] = ANGLES,
    light: tuple[float, float, float] = LIGHT,
) -> UInt8[np.ndarray, "v 1 64 64"]:
    """A mesh on white, from each of these azimuths and elevations."""
    scene = Scene(mesh)
    views = [View(a, e, SIDE, half_width, light, background=1.0) for a, e in angles.tolist()]
    return np.stack([scene.render(view) for view in views])[:, None]


def on_all_processors(job: Callable[[int], None], n: int, doing: str) -> None:
    """Runs the job for 0 to n - 1 in threads, which Embree and numpy let run side by side."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in progress(pool.map(job, range(n)), doing, n):
            pass


def chairs_in_views(name: str, chairs: range) -> Images:
    """All views of these chairs, chair by chair in the order of `ANGLES`; drawn once, then kept by that name.

    Raises:
        InfoganError: where embreex is not installed, or they cannot be kept.
    """
    shapes = np.stack([chair_shape(index) for index in chairs])
    values = np.concatenate([shapes.repeat(len(ANGLES), axis=0), np.tile(ANGLES, (len(chairs), 1))], axis=1)
    recipe = f"{chairs} {drawing_recipe()} {inspect.getsource(chair_shapes)}"
    x = kept(name, recipe, lambda: {"x": draw(values)})["x"]
    return Images.stored(x, factors=Factors(FACTORS, values))


def drawing_recipe() -> str:
    """The text of the code that turns meshes into images here, which they change with."""
    return inspect.getsource(render) + inspect.getsource(sys.modules[__name__])


def load_chairs(load_options: LoadOptions, split: str) -> Images:
    """The 800 chairs to train on or 100 others (test), in 62 views each; no file is needed."""
    return chairs_in_views(f"chairs3d-{split}", CHAIRS[split])


CHAIRS3D = DatasetInfo(
    name="chairs3d",
    about="Chairs of many shapes from all sides, 64x64, gray, drawn here with known factors",
    licence="drawn here; MIT",
    shape=(1, SIDE, SIDE),
    splits={split: len(chairs) * len(ANGLES) for split, chairs in CHAIRS.items()},
    load=load_chairs,
    factors=FACTORS,
)
