"""Chairs3D and ModelNet10's chairs: closed meshes, inside the frame, in agreement with their factors."""

import itertools
import math
import os
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import Bool, Float, Int, UInt8

from infogan.data.datasets.modelnet import (
    FILES,
    MODELNET_CHAIRS,
    max_extent,
    mesh_from_voxels,
    read_voxels,
    render_voxels,
)
from infogan.data.options import LoadOptions
from infogan.data.synthetic.chair_shapes import Chair
from infogan.data.synthetic.chairs3d import (
    ANGLES,
    CHAIRS3D,
    FACTORS,
    HALF_WIDTH,
    MAX_LENGTHS,
    MIN_LENGTHS,
    SHAPE,
    chair_mesh,
    load_views,
    render_chairs,
    sample_shape,
)
from infogan.utils.errors import InfoganError

KINDS = list(itertools.product([0.0, 1.0], repeat=3))  # base, back, arms
EXTREMES = [
    (*kind, *lengths)
    for kind in KINDS
    for lengths in itertools.product(*np.stack([MIN_LENGTHS, MAX_LENGTHS], axis=1))
]
OBLIQUE = (0.7, math.radians(20))


pytestmark = pytest.mark.usefixtures("user_cache")


def volume(vertices: Float[np.ndarray, "v 3"], triangles: Int[np.ndarray, "t 3"]) -> float:
    """The volume by the divergence theorem: positive if the triangles face outwards."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    return float(np.einsum("tk,tk->", a, np.cross(b, c)) / 6)


def assert_closed(triangles: Int[np.ndarray, "t 3"]) -> None:
    """Every directed edge and its reverse occur once: each edge has two triangles of the same orientation."""
    start, end = (np.concatenate([triangles[:, (k + turn) % 3] for k in range(3)]) for turn in (0, 1))
    n = triangles.max() + 1
    edges = np.sort(start * n + end)
    assert (np.diff(edges) > 0).all()
    np.testing.assert_array_equal(edges, np.sort(end * n + start))


@pytest.mark.parametrize("shape", EXTREMES)
def test_solids_are_closed_and_face_outwards(shape: tuple[float, ...]) -> None:
    base, back, arms, *lengths = shape
    for solid in Chair(base == 1, back == 1, arms == 1, *lengths).solids():
        assert_closed(solid.triangles)
        assert volume(solid.vertices, solid.triangles) > 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_lengths_are_in_metres(kind: tuple[float, ...]) -> None:
    base, back, arms = kind
    solids = list(Chair(base == 1, back == 1, arms == 1, 0.5, 0.45, 0.4).solids())
    y = np.concatenate([s.vertices for s in solids])[:, 1]
    assert y.min() == pytest.approx(0, abs=0.01)
    assert y.max() == pytest.approx(0.85, abs=0.02)
    assert np.ptp(solids[0].vertices, axis=0)[0] == pytest.approx(0.5, abs=1e-9)
    assert solids[0].vertices[:, 1].max() == pytest.approx(0.45)


def test_chairs_fit_into_the_image() -> None:
    assert all(max_extent(chair_mesh(np.array(shape))) < HALF_WIDTH * 62 / 64 for shape in EXTREMES)
    chairs = [sample_shape(index) for index in range(30)]
    angles = ANGLES[np.linspace(0, len(ANGLES) - 1, 8).astype(int)]
    x = render_chairs(np.array([[*chair, *angle] for chair in chairs for angle in angles]))[:, 0]
    for border in (x[:, 0], x[:, -1], x[:, :, 0], x[:, :, -1]):
        assert (border == 255).all()
    ink = (x < 255).mean(axis=(1, 2))
    assert ink.min() > 0.05
    assert len(np.unique(x, axis=0)) == len(x)


def test_full_turn_is_the_identity() -> None:
    turns = [[*sample_shape(3), azimuth, 0.4] for azimuth in (0.3, 0.3 + 2 * math.pi, 0.3 + math.pi)]
    once, again, half = render_chairs(np.array(turns))[:, 0].astype(int)
    assert np.abs(once - again).mean() < 0.5  # rounding may move a ray across an edge
    assert np.abs(once - half).mean() > 3


@pytest.mark.parametrize("kind", KINDS)
def test_mirror_symmetry(kind: tuple[float, ...]) -> None:
    """Chairs are symmetric, so with a central light the view from azimuth -a is the mirror image."""
    rows = [[*kind, 0.5, 0.45, 0.4, azimuth, 0.4] for azimuth in (0.7, -0.7)]
    light = (0.0, 0.6, 0.8)
    right, left = render_chairs(np.array(rows), light)[:, 0].astype(int)
    assert np.abs(right - left[:, ::-1]).mean() < 0.5
    assert np.abs(right - left).mean() > 3


def extent(x: UInt8[np.ndarray, "n h w"], axis: int) -> list[int]:
    """The number of columns (axis 1) or rows (axis 2) that the object covers in each image."""
    covered: list[int] = (x < 250).any(axis=axis).sum(axis=1).tolist()
    return covered


@pytest.mark.parametrize("kind", KINDS)
def test_lengths_are_visible(kind: tuple[float, ...]) -> None:
    wide = render_chairs(np.array([[*kind, w, 0.45, 0.4, 0, 0.35] for w in (0.38, 0.52, 0.66)]))[:, 0, :36]
    high = render_chairs(np.array([[*kind, 0.5, h, 0.4, 0, 0.35] for h in (0.36, 0.45, 0.54)]))[:, 0]
    tall = render_chairs(np.array([[*kind, 0.5, 0.45, b, 0, 0.35] for b in (0.3, 0.45, 0.6)]))[:, 0]
    for x, axis in ((wide, 1), (high, 2), (tall, 2)):  # above the seat, as the spokes have a fixed width
        assert (np.diff(extent(x, axis)) >= 2).all()


@pytest.mark.parametrize("factor", range(3))
def test_categories_are_visible(factor: int) -> None:
    this = np.array([0, 0, 0, 0.5, 0.45, 0.4, *OBLIQUE])
    other = this.copy()
    other[factor] = 1
    a, b = render_chairs(np.stack([this, other])).astype(int)
    assert (np.abs(a - b) > 30).mean() > 0.02


def test_images_are_in_the_order_of_the_rows() -> None:
    rows = np.array([[*sample_shape(i), *OBLIQUE] for i in (5, 2, 5, 9)])
    rows[2, 6] = 2.0
    one_by_one = np.concatenate([render_chairs(row[None]) for row in rows])
    np.testing.assert_array_equal(render_chairs(rows), one_by_one)


def test_views_match_their_factors_and_are_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    images = load_views("few", range(4, 6))
    assert images.factors is not None
    assert images.factors.columns == FACTORS == CHAIRS3D.factors
    assert images.shape == CHAIRS3D.shape
    np.testing.assert_array_equal(render_chairs(images.factors.values[::9]), images.x[::9])
    np.testing.assert_array_equal(images.factors.values[62, : len(SHAPE)], sample_shape(5))
    monkeypatch.setattr(
        "infogan.data.synthetic.chairs3d.render_chairs", lambda _: pytest.fail("rendered again")
    )
    np.testing.assert_array_equal(load_views("few", range(4, 6)).x, images.x)


def test_shapes_are_uniform() -> None:
    shapes = np.stack([sample_shape(index) for index in range(900)])
    assert len(np.unique(shapes, axis=0)) == 900
    heads = shapes[:, :3].sum(axis=0)
    assert (np.abs(heads - 450) < 5 * math.sqrt(900) / 2).all()
    u = (shapes[:, 3:] - MIN_LENGTHS) / (MAX_LENGTHS - MIN_LENGTHS)
    assert ((u >= 0) & (u < 1)).all()
    assert (np.abs(u.mean(axis=0) - 0.5) < 5 / math.sqrt(12 * 900)).all()
    assert CHAIRS3D.splits == {"train": 49_600, "test": 6_200}


def voxel_chair() -> Bool[np.ndarray, "32 32 32"]:
    """A seat, a back at the far end of axis 1, four legs, and an arm at low x."""
    v = np.zeros((32, 32, 32), bool)
    v[8:24, 8:24, 12:14] = True
    v[8:24, 22:24, 14:30] = True
    v[8:10, 8:24, 18:20] = True
    for i, j in itertools.product((8, 22), repeat=2):
        v[i : i + 2, j : j + 2, :12] = True
    return v


def write_npz(path: Path, n: int) -> Path:
    voxels = np.stack([np.roll(voxel_chair(), (k % 9) - 4, axis=0) for k in range(n)])
    path.parent.mkdir(parents=True, exist_ok=True)
    packed = np.packbits(voxels.reshape(n, -1), axis=1)
    np.savez(path, voxels_packed=packed, first_occurrence=np.arange(n) != 1)
    return path


def test_mesh_from_voxels_is_closed_and_upright() -> None:
    mesh = mesh_from_voxels(voxel_chair())
    assert_closed(mesh.triangles)
    assert volume(mesh.vertices, mesh.triangles) == pytest.approx(voxel_chair().sum(), rel=0.5)
    a, b, c = (mesh.vertices[mesh.triangles[:, k]] for k in range(3))
    area = np.cross(b - a, c - a)
    assert mesh.normals is not None
    outwards = (area * mesh.normals[mesh.triangles[:, 0]]).sum(axis=1) > 0
    assert np.linalg.norm(area[outwards], axis=1).sum() > 0.95 * np.linalg.norm(area, axis=1).sum()
    top = mesh.vertices[mesh.vertices[:, 1] > 8]
    assert (top[:, 2] < -4).all()  # the back, away from the camera
    middle = mesh.vertices[np.abs(mesh.vertices[:, 1] - 4) < 1]
    assert (middle[middle[:, 2] > 0][:, 0] < 0).all()  # the arm, on the left of the image


def test_voxels_from_the_front_and_the_rear() -> None:
    x = render_voxels(voxel_chair()[None])[:, 0]
    assert len(x) == len(ANGLES)
    for border in (x[:, 0], x[:, -1], x[:, :, 0], x[:, :, -1]):
        assert (border == 255).all()
    assert x.min(axis=(1, 2)).max() < 200
    front = x[0]
    behind = x[2 * 15 : 2 * 17 : 2].min(axis=0)
    seat_seen, seat_hidden = (front[30:45, 24:40]).mean(), (behind[30:45, 24:40]).mean()
    assert seat_seen > seat_hidden + 10  # the seat faces the light, the rear of the back does not


def test_mesh_from_a_single_voxel() -> None:
    lone = np.zeros((32, 32, 32), bool)
    lone[4, 5, 6] = True
    assert max_extent(mesh_from_voxels(lone)) > 0


def test_modelnet_splits_without_duplicates(tmp_path: Path) -> None:
    write_npz(tmp_path / FILES[0], 103)
    images = MODELNET_CHAIRS.load(LoadOptions(tmp_path), "train")
    assert images.shape == MODELNET_CHAIRS.shape
    assert len(images) == 2 * 62  # 103 shapes, one duplicate, 100 for testing
    assert images.factors is not None
    assert images.factors.columns == MODELNET_CHAIRS.factors
    np.testing.assert_array_equal(images.factors.values[62:], ANGLES)
    np.testing.assert_array_equal(images.x[62:], render_voxels(read_voxels(tmp_path / FILES[0])[1:2]))


def test_invalid_modelnet_file(tmp_path: Path) -> None:
    path = write_npz(tmp_path / FILES[0], 5)
    content = path.read_bytes()
    with pytest.raises(InfoganError, match="4 shapes"):
        MODELNET_CHAIRS.load(LoadOptions(tmp_path), "train")
    for damaged in (
        b"",
        b"<html>",
        content[: len(content) // 2],
        content[:3000] + b"\xff" * 99 + content[3099:],
    ):
        path.write_bytes(damaged)
        with pytest.raises(InfoganError, match="cannot be read"):
            read_voxels(path)
    packed, first = np.zeros((2, 4096), np.uint8), np.ones(2, bool)
    for packed_bad, first_bad in ((packed[:, 1:], first), (packed, first[:1]), (packed.astype(int), first)):
        np.savez(path, voxels_packed=packed_bad, first_occurrence=first_bad)
        with pytest.raises(InfoganError, match="expected uint8"):
            read_voxels(path)
    np.savez(path, voxels_packed=packed, first_occurrence=first)
    with pytest.raises(InfoganError, match=r"shape 0 .* no voxel"):
        read_voxels(path)
    np.savez(path, x=packed)
    with pytest.raises(InfoganError, match="no array named 'voxels_packed'"):
        read_voxels(path)
    with pytest.raises(InfoganError, match="not in"):
        MODELNET_CHAIRS.load(LoadOptions(tmp_path / "elsewhere"), "train")


def test_real_modelnet_chairs() -> None:
    path = LoadOptions().find_path(FILES)
    if path is None:
        pytest.skip(f"INFOGAN_DATA ({os.environ.get('INFOGAN_DATA', 'not set')}) holds no {FILES[0]}")
    voxels = read_voxels(path)
    assert len(voxels) == 839
    leans_back = []
    for shape in voxels[::10]:
        mesh = mesh_from_voxels(shape)
        assert_closed(mesh.triangles)
        assert volume(mesh.vertices, mesh.triangles) > 0
        _, y, z = mesh.vertices.T
        leans_back.append(z[y > y.max() - 4].mean() < z.mean())
    assert np.mean(leans_back) > 0.95
    x = render_voxels(voxels[:3])[:, 0]
    for border in (x[:, 0], x[:, -1], x[:, :, 0], x[:, :, -1]):
        assert (border == 255).all()
