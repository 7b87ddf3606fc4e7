"""Rooms3D: the grid of factors, what each of them changes, and the geometry of the solids."""

import colorsys
import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from infogan.data.images import Factors
from infogan.data.options import LoadOptions
from infogan.data.synthetic.rooms3d import (
    CAMERA_DISTANCE,
    CAMERA_HEIGHT,
    FACTORS,
    HALF_WIDTH,
    ONE,
    ROOMS3D,
    Rooms3D,
    camera_rays,
    palette,
    shade_room,
)
from infogan.data.synthetic.solids import Rays, Solid, ball, cube, cylinder, pill
from infogan.evaluation.disentanglement.codes_and_factors import discretise_factors
from infogan.utils.rng import make_rng

SIZES = (10, 10, 10, 8, 4, 15)
FLOOR, WALLS, OBJECT = range(3)
SOLIDS = {"cube": cube(0.5), "cylinder": cylinder(0.5, 1.0), "ball": ball(0.55), "pill": pill(0.38, 1.2)}


def index_of(*position: int) -> int:
    return int(np.ravel_multi_index(position, SIZES))


def image(*position: int) -> Tensor:
    """The image at a position of the grid."""
    return Rooms3D().take(torch.tensor([index_of(*position)]))[0]


def changed(a: Tensor, b: Tensor) -> np.ndarray:
    """The pixels in which two images differ."""
    return (a != b).any(dim=0).numpy()


def random_indices(n: int) -> Tensor:
    return torch.randint(len(Rooms3D()), (n,), generator=make_rng(0, "rooms3d"))


def test_dataset_info() -> None:
    images = ROOMS3D.load(LoadOptions(), "train")
    assert len(images) == ROOMS3D.splits["train"] == math.prod(SIZES) == 480_000
    assert images.shape == ROOMS3D.shape == (3, 64, 64)
    assert images.factors is not None
    assert images.labels is not None
    assert images.factors.columns == FACTORS == ROOMS3D.factors
    values = images.factors.values
    position = [np.unique(column, return_inverse=True) for column in values.T]
    assert tuple(len(levels) for levels, _ in position) == SIZES
    assert_close(np.ravel_multi_index([where for _, where in position], SIZES), np.arange(480_000))
    for f in range(3):  # 0, 0.1, ..., 0.9 of the circle
        assert_close(position[f][0], 2 * math.pi * np.linspace(0, 0.9, 10))
    assert_close(position[3][0][[0, -1]], np.array([0.75, 1.25]))
    assert_close(np.degrees(position[5][0][[0, 7, -1]]), np.array([-30.0, 0.0, 30.0]))
    assert_close(images.labels.numbers, values[:, 4].astype(np.int64))
    levels = discretise_factors(Factors(FACTORS, values[:: 7 * 11]))  # as scores see them
    assert (levels.max(axis=0) + 1).tolist() == list(SIZES)


def test_images_do_not_depend_on_the_batch() -> None:
    index = random_indices(200)
    pixels = Rooms3D()
    together = pixels.take(index)
    assert_close(torch.cat([pixels.take(part) for part in index.split(7)]), together)
    assert_close(pixels.to(torch.device("cpu")).take(index.flip(0)), together.flip(0))
    assert len(together.unique(dim=0)) > 190


def test_two_renderings_are_equal() -> None:
    np.testing.assert_array_equal(shade_room(0.9, 3, 0.2), shade_room(0.9, 3, 0.2))


@pytest.mark.parametrize("index", [480_000, 10**6])
def test_index_out_of_range(index: int) -> None:
    with pytest.raises(IndexError):
        Rooms3D().take(torch.tensor([index]))


@pytest.mark.parametrize(("factor", "surface"), [(0, FLOOR), (1, WALLS), (2, OBJECT)])
@pytest.mark.parametrize("shape", range(4))
def test_a_hue_changes_its_surface_only(factor: int, surface: int, shape: int) -> None:
    position = [1, 4, 7, 5, shape, 3]
    others = position.copy()
    others[factor] += 2
    shading = shade_room(0.75 + 0.5 * 5 / 7, shape, math.radians(-30 + 60 * 3 / 14))
    is_changed = changed(image(*position), image(*others))
    assert is_changed.sum() > 100
    assert not is_changed[shading[surface] == 0].any()
    # All pixels of the surface do, but for edges of which it has next to nothing.
    assert is_changed[shading[surface] > ONE // 50].all()


def test_image_is_the_sum_of_coloured_shadings() -> None:
    index = random_indices(30)
    factors = ROOMS3D.load(LoadOptions(), "train").factors
    assert factors is not None
    values = factors.values[index.numpy()]
    for x, (*hues, scale, shape, orientation) in zip(Rooms3D().take(index), values.tolist(), strict=True):
        colours = [colorsys.hsv_to_rgb(hue / (2 * math.pi), 1, 1) for hue in hues]
        shading = shade_room(scale, int(shape), orientation) / ONE
        expected = 255 * np.einsum("shw,sc->chw", shading, np.array(colours))
        assert abs(x.numpy() - expected).max() < 0.51


def test_hues_are_evenly_spaced() -> None:
    hues = [colorsys.rgb_to_hsv(*colour) for colour in (palette() / 255).tolist()]
    assert_close(np.array(hues), np.array([[i / 10, 1, 1] for i in range(10)]), atol=1e-6, rtol=0)


@pytest.mark.parametrize("shape", range(4))
def test_objects_grow_and_stay_in_the_picture(shape: int) -> None:
    areas = [int((shade_room(scale, shape, 0.3)[OBJECT] > 0).sum()) for scale in (0.75, 1.0, 1.25)]
    assert areas[0] < areas[1] < areas[2]
    assert areas[2] / areas[0] == pytest.approx((1.25 / 0.75) ** 2, rel=0.2)
    widest = shade_room(1.25, shape, -math.pi / 6)[OBJECT] > 0
    widest[1:-1, 1:-1] = False
    assert not widest.any()  # it does not touch the border


@pytest.mark.parametrize("shape", [1, 2, 3])
def test_camera_turns_around_the_object(shape: int) -> None:
    """A solid of revolution keeps its outline while the walls move behind it."""
    left, right = shade_room(1.0, shape, -0.4), shade_room(1.0, shape, 0.4)
    outline = left[OBJECT] > 0, right[OBJECT] > 0
    np.testing.assert_array_equal(*outline)
    assert (left[WALLS] != right[WALLS]).mean() > 0.3


def test_cube_turns() -> None:
    assert ((shade_room(1.0, 0, 0.0)[OBJECT] > 0) != (shade_room(1.0, 0, 0.5)[OBJECT] > 0)).sum() > 20


def test_orientations_all_differ() -> None:
    rooms = np.stack([shade_room(1.0, 2, math.radians(angle)) for angle in np.linspace(-30, 30, 15)])
    assert (abs(np.diff(rooms.astype(int), axis=0)).mean(axis=(1, 2, 3)) > ONE / 1000).all()


def test_every_pixel_is_lit_and_none_too_much() -> None:
    for orientation in (-math.pi / 6, 0.0, math.pi / 6):
        total = shade_room(1.0, 0, orientation).sum(axis=0, dtype=int)
        assert total.min() > ONE / 4
        assert total.max() <= ONE


def test_the_middle_of_the_picture_and_its_width() -> None:
    rays = camera_rays(0.0)
    across = rays.direction[0].reshape(192, 192)
    assert across[0, 0] == pytest.approx(-HALF_WIDTH, rel=0.01)
    assert_close(rays.origin[:, 0], np.array([0, CAMERA_HEIGHT, CAMERA_DISTANCE]))


def random_rays(n: int, distance: float) -> Rays:
    """Rays from a sphere of that radius to points near the object; none starts inside it."""
    rng = np.random.default_rng(0)
    origin = rng.normal(size=(3, n))
    origin *= distance / np.linalg.norm(origin, axis=0)
    return Rays(origin, rng.uniform([[-0.7], [0], [-0.7]], [[0.7], [1.2], [0.7]], (3, n)) - origin)


def is_inside(name: str, p: np.ndarray) -> np.ndarray:
    """Whether points are in a solid, from its definition."""
    x, y, z = p
    if name == "cube":
        return np.asarray((abs(x) < 0.5) & (y > 0) & (y < 1) & (abs(z) < 0.5))
    if name == "cylinder":
        return np.asarray((np.hypot(x, z) < 0.5) & (y > 0) & (y < 1))
    radius, low, high = (0.55, 0.55, 0.55) if name == "ball" else (0.38, 0.38, 0.82)
    return np.asarray(np.sqrt(x * x + (y - y.clip(low, high)) ** 2 + z * z) < radius)


@pytest.mark.parametrize("name", SOLIDS)
def test_rays_meet_solids_where_marching_does(name: str) -> None:
    solid: Solid = SOLIDS[name]
    rays = random_rays(1000, 4.0)
    distance, normals = solid(rays)
    hit = np.isfinite(distance)
    assert 0.2 < hit.mean() < 0.95
    steps = np.linspace(0, 2, 1001)[:, None, None]
    inside = np.stack([is_inside(name, rays.at(step[0, 0] * np.ones(1000))) for step in steps])
    marched = np.where(inside.any(axis=0), steps[inside.argmax(axis=0), 0, 0], np.inf)
    found = np.isfinite(marched)
    assert not (found & ~hit).any()
    assert (hit & ~found).mean() < 0.01  # through a corner thinner than a step
    late = marched[found] - distance[found]
    assert late.min() > -1e-9
    assert late.max() < 0.0021
    here, unit = rays.at(np.where(hit, distance, 0)), normals[:, hit]
    assert_close(np.linalg.norm(unit, axis=0), np.ones(hit.sum()))
    assert not is_inside(name, here[:, hit] + 1e-6 * unit).any()
    assert is_inside(name, here[:, hit] - 1e-6 * unit).mean() > 0.99
    assert ((unit * rays.direction[:, hit]).sum(axis=0) < 1e-9).all()
