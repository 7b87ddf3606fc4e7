"""Rendering: rays that hit a sphere, Lambertian shading, the camera, and antialiasing."""

import math
import sys
from dataclasses import replace

import numpy as np
import pytest
from jaxtyping import Float
from numpy.testing import assert_allclose, assert_array_equal

from infogan.data.synthetic import render
from infogan.data.synthetic.render import Mesh, Scene, View, vertex_normals
from infogan.utils.errors import InfoganError

pytest.importorskip("embreex", reason="rendering needs embreex")

LIGHT = (0.48, 0.6, 0.64)
SIDE, HALF_WIDTH = 48, 1.2
PLAIN = View(0.0, 0.0, SIDE, HALF_WIDTH, LIGHT, background=0.0, supersampling=1)
VIEWS = [(0.0, 0.0), (0.9, 0.4), (-2.5, -1.2)]


def sphere(
    steps: int, radius: float = 1.0, centre: tuple[float, float, float] = (0.0, 0.0, 0.0), albedo: float = 1.0
) -> Mesh:
    """An octahedron whose triangles are repeatedly subdivided into four and projected onto the sphere."""
    x, y, z = np.eye(3)
    signs = [(a, b, c) for a in (1, -1) for b in (1, -1) for c in (1, -1)]
    corners = np.array([[a * x, b * y, c * z][:: a * b * c] for a, b, c in signs])
    for _ in range(steps):
        p, q, r = corners.transpose(1, 0, 2)
        pq, qr, rp = (p + q) / 2, (q + r) / 2, (r + p) / 2
        corners = np.concatenate(
            [np.stack(t, axis=1) for t in ((p, pq, rp), (q, qr, pq), (r, rp, qr), (pq, qr, rp))]
        )
        corners /= np.linalg.norm(corners, axis=2, keepdims=True)
    vertices, index = np.unique(corners.reshape(-1, 3).round(9), axis=0, return_inverse=True)
    triangles = index.reshape(-1, 3)
    return Mesh(vertices * radius + centre, triangles, albedo=np.full(len(triangles), albedo))


def together(*meshes: Mesh) -> Mesh:
    starts = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.triangles + start for mesh, start in zip(meshes, starts, strict=True)]),
        albedo=np.concatenate([np.ones(0) if mesh.albedo is None else mesh.albedo for mesh in meshes]),
    )


def grid(n: int) -> tuple[Float[np.ndarray, "r"], Float[np.ndarray, "r"]]:
    """The coordinates of each ray, to the right and up."""
    across = ((np.arange(n) + 0.5) * 2 / n - 1) * HALF_WIDTH
    x, y = np.meshgrid(across, -across)
    return x.ravel(), y.ravel()


def nearest_plane(mesh: Mesh) -> float:
    """The radius of the largest ball around the origin inside a convex mesh."""
    a, b, c = mesh.vertices[mesh.triangles].transpose(1, 0, 2)
    n = np.cross(b - a, c - a)
    return float(((a * n).sum(axis=1) / np.linalg.norm(n, axis=1)).min())


BALL = sphere(6)
SMOOTH = replace(BALL, normals=BALL.vertices)


@pytest.mark.parametrize("view", VIEWS)
def test_rays_hit_the_sphere(view: tuple[float, float]) -> None:
    """Hits are between the sphere and the largest ball inside the mesh."""
    rays = Scene(BALL).cast_rays(replace(PLAIN, azimuth=view[0], elevation=view[1]))
    x, y = grid(SIDE)
    inner = nearest_plane(BALL)
    assert 0.999 < inner < 1
    off = np.hypot(x, y)
    assert rays.hit[off < inner].all()
    assert not rays.hit[off > 1].any()
    radius = np.sqrt(off**2 + rays.depth**2)[rays.hit]
    assert radius.min() > inner - 1e-5
    assert radius.max() < 1 + 1e-5
    assert (rays.depth[rays.hit] >= -1e-5).all()
    assert np.isneginf(rays.depth[~rays.hit]).all()


@pytest.mark.parametrize("view", VIEWS)
def test_normals_of_the_sphere(view: tuple[float, float]) -> None:
    x, y = grid(SIDE)
    inside = np.hypot(x, y) < 0.95
    x, y = x[inside], y[inside]
    expected = np.stack([x, y, np.sqrt(1 - x**2 - y**2)], axis=1)
    for mesh, tolerance in ((BALL, 0.03), (SMOOTH, 0.003)):  # radians; an edge is 0.03 long
        normals = Scene(mesh).cast_rays(replace(PLAIN, azimuth=view[0], elevation=view[1])).normals[inside]
        assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)
        assert np.linalg.norm(normals - expected, axis=1).max() < tolerance


def test_vertex_normals_of_the_sphere() -> None:
    assert np.linalg.norm(vertex_normals(BALL) - BALL.vertices, axis=1).max() < 0.01


def test_vertex_normals_are_weighted_by_area() -> None:
    """Two perpendicular triangles, one twice as large: the normal of a shared vertex has weights 2 and 1."""
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, -1], [5, 5, 5]])
    normals = vertex_normals(Mesh(vertices, np.array([[0, 1, 2], [0, 3, 1]])))
    assert_allclose(normals[0], np.array([0, -1, 2]) / math.sqrt(5), atol=1e-12)
    assert_allclose(normals[2], [0, 0, 1], atol=1e-12)
    assert_array_equal(normals[4], 0)  # in no triangle


@pytest.mark.parametrize("albedo", [1.0, 0.5])
def test_lambertian_shading(albedo: float) -> None:
    x, y = grid(SIDE)
    inside = np.hypot(x, y) < 0.95
    z = np.sqrt(np.maximum(1 - x**2 - y**2, 0))
    cosine = np.maximum(x * LIGHT[0] + y * LIGHT[1] + z * LIGHT[2], 0)
    expected = 255 * albedo * (0.25 + 0.75 * cosine)
    mesh = replace(SMOOTH, albedo=np.full(len(BALL.triangles), albedo))
    image = Scene(mesh).render(replace(PLAIN, ambient=0.25, azimuth=0.3, background=0.6)).ravel()
    assert_allclose(image[inside], expected[inside], atol=1.5)
    assert (image[np.hypot(x, y) > 1] == round(0.6 * 255)).all()


def bright_centroid(mesh: Mesh, azimuth: float, elevation: float) -> tuple[float, float]:
    """The centroid of the bright pixels, to the right and up."""
    image = Scene(mesh).render(replace(PLAIN, azimuth=azimuth, elevation=elevation, ambient=1.0))
    x, y = grid(SIDE)
    return float(np.average(x, weights=image.ravel())), float(np.average(y, weights=image.ravel()))


@pytest.mark.parametrize(
    ("centre", "view", "expected"),
    [
        ((0.0, 0.0, 0.8), (0.0, 0.0), (0.0, 0.0)),
        ((0.8, 0.0, 0.0), (0.0, 0.0), (0.8, 0.0)),
        ((0.0, 0.8, 0.0), (0.0, 0.0), (0.0, 0.8)),
        ((0.8, 0.0, 0.0), (math.pi / 2, 0.0), (0.0, 0.0)),
        ((0.0, 0.0, 0.8), (math.pi / 2, 0.0), (-0.8, 0.0)),
        ((0.0, 0.8, 0.0), (0.0, math.pi / 2), (0.0, 0.0)),
        ((0.0, 0.0, 0.8), (0.0, math.pi / 2), (0.0, -0.8)),
    ],
)
def test_azimuth_and_elevation(
    centre: tuple[float, float, float], view: tuple[float, float], expected: tuple[float, float]
) -> None:
    assert_allclose(bright_centroid(sphere(3, 0.2, centre), *view), expected, atol=0.01)


def test_nearer_object_hides_the_farther() -> None:
    mesh = together(sphere(3, 0.5, (0.6, 0, 0), albedo=1.0), sphere(3, 0.5, (-0.6, 0, 0), albedo=0.2))
    scene = Scene(mesh)
    from_right, from_left = (
        scene.render(replace(PLAIN, azimuth=a, ambient=1.0))[SIDE // 2, SIDE // 2]
        for a in (math.pi / 2, -math.pi / 2)
    )
    assert (from_right, from_left) == (255, 51)


def test_antialiasing() -> None:
    scene = Scene(BALL)
    lit = replace(PLAIN, ambient=1.0, side=24)
    assert set(np.unique(scene.render(lit))) == {0, 255}
    image = scene.render(replace(lit, supersampling=8)) / 255
    x, y = grid(24)
    between = (image.ravel() > 0) & (image.ravel() < 1)
    half_diagonal = HALF_WIDTH / 24 * math.sqrt(2)
    assert between.sum() > 20
    assert (abs(np.hypot(x, y)[between] - 1) < half_diagonal + 0.001).all()
    assert_allclose(image.sum() * (2 * HALF_WIDTH / 24) ** 2, math.pi, rtol=0.003)


def test_stretched_view_equals_stretched_mesh() -> None:
    bumpy = together(sphere(2, 0.7, (0.1, 0, 0)), sphere(2, 0.4, (0.4, 0.3, 0.4), albedo=0.7))
    wide = Mesh(bumpy.vertices * [1.25, 1, 1], bumpy.triangles, albedo=bumpy.albedo)
    view = replace(PLAIN, azimuth=0.7, elevation=-0.3, supersampling=2)
    image, expected = Scene(bumpy).render(replace(view, stretch=1.25)), Scene(wide).render(view)
    assert (image != Scene(bumpy).render(view)).mean() > 0.1
    assert (abs(image.astype(int) - expected.astype(int)) > 1).mean() < 0.002


def test_normals_of_a_stretched_sphere() -> None:
    x, y = grid(SIDE)
    inside = np.hypot(x / 0.8, y) < 0.9
    x, y = x[inside], y[inside]
    normal = np.stack([x / 0.64, y, np.sqrt(1 - (x / 0.8) ** 2 - y**2)], axis=1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    rays = Scene(SMOOTH).cast_rays(replace(PLAIN, stretch=0.8))
    assert_allclose(rays.normals[inside], normal, atol=0.005)


def test_order_and_orientation_of_triangles_do_not_matter() -> None:
    shades = np.random.default_rng(0).uniform(0.2, 1, len(BALL.triangles))
    order = np.random.default_rng(1).permutation(len(BALL.triangles))
    turned = replace(PLAIN, azimuth=0.4, elevation=0.2, supersampling=2)
    image = Scene(replace(BALL, albedo=shades)).render(turned)
    shuffled = Mesh(BALL.vertices, BALL.triangles[order], albedo=shades[order])
    assert_array_equal(Scene(shuffled).render(turned), image)
    inside_out = Mesh(BALL.vertices, BALL.triangles[:, ::-1].copy(), albedo=shades)
    difference = abs(Scene(inside_out).render(turned).astype(int) - image.astype(int))
    assert (difference > 1).mean() < 0.002


@pytest.mark.parametrize(
    ("vertices", "triangles", "message"),
    [
        (np.eye(3), np.array([[0, 1, 3]]), "has 3 vertices but indices from 0 to 3"),
        (np.eye(3), np.array([[0, 1, -1]]), "indices from -1 to 1"),
        (np.diag([np.nan, 1, 1]), np.array([[0, 1, 2]]), "vertex 0 of a mesh is not finite"),
        (np.diag([1, np.inf, 1]), np.array([[0, 1, 2]]), "vertex 1 of a mesh is not finite"),
        (np.eye(3), np.zeros((0, 3), int), "no triangles"),
    ],
)
def test_invalid_mesh(vertices: np.ndarray, triangles: np.ndarray, message: str) -> None:
    with pytest.raises(InfoganError, match=message):
        Mesh(vertices, triangles)


def test_missing_embreex(monkeypatch: pytest.MonkeyPatch) -> None:
    render._embree_device.cache_clear()
    monkeypatch.setitem(sys.modules, "embreex.rtcore", None)
    with pytest.raises(InfoganError, match=r"pip install 'infogan\[render\]'"):
        Scene(BALL)
