"""Chairs of ModelNet10 (Wu et al. 2015), made of voxels, in the views of chairs3d."""

import hashlib
import inspect
import sys
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy.ndimage import gaussian_filter, map_coordinates

from infogan.data.cache import kept
from infogan.data.formats.npy import read_npz
from infogan.data.images import Factors, Images
from infogan.data.source import DatasetInfo, LoadOptions
from infogan.data.synthetic.chairs3d import (
    ANGLES,
    SIDE,
    VIEWPOINT,
    drawing_recipe,
    on_all_processors,
    turntable,
)
from infogan.data.synthetic.render import Mesh
from infogan.utils.errors import InfoganError

FILES = ("chairs_modelnet10/chair_voxels_32.npz",)
GRID = 32  # voxels along a side
N_SHAPES, N_TEST = 839, 100  # without the copies in the file
BLUR = 0.6  # voxels; legs are one voxel thick and go where it is more
LEVEL = 0.28  # of the blurred volume, at the surface; a voxel all alone has 0.29 in its middle
SMOOTH = 0.9  # voxels; for the normals alone, that the steps between voxels show less
ALBEDO = 0.8  # so that no side is as white as the background
MARGIN = 1.04  # half the width of the image, by the reach of the shape


def load_modelnet_chairs(load_options: LoadOptions, split: str) -> Images:
    """All shapes but the last 100 (train) or those alone (test), in 62 views each.

    Raises:
        InfoganError: where the file is missing or another one, or embreex or scikit-image is not installed.
    """
    path = load_options.find("the voxels of ModelNet10's chairs", FILES)
    voxels = read_voxels(path)
    if len(voxels) <= N_TEST:
        raise InfoganError(f"{path} holds {len(voxels)} shapes, but {N_TEST} are for tests; fetch it again.")
    voxels = voxels[-N_TEST:] if split == "test" else voxels[:-N_TEST]
    recipe = (
        f"{hashlib.sha256(voxels.tobytes()).hexdigest()} {drawing_recipe()} "
        f"{inspect.getsource(sys.modules[__name__])}"
    )
    x = kept(f"modelnet-chairs-{split}", recipe, lambda: {"x": draw_voxels(voxels)})["x"]
    return Images.stored(x, factors=Factors(VIEWPOINT, np.tile(ANGLES, (len(voxels), 1))))


def read_voxels(path: Path) -> Bool[np.ndarray, "n 32 32 32"]:
    """The distinct shapes of an .npz with `voxels_packed` uint8 (n, 4096) and `first_occurrence` bool (n,).

    Raises:
        InfoganError: where the file is damaged or holds something else, or a shape has no voxel.
    """
    arrays = read_npz(path, ("voxels_packed", "first_occurrence"))
    packed, first = arrays["voxels_packed"], arrays["first_occurrence"]
    if (str(packed.dtype), packed.shape[1:], str(first.dtype)) != ("uint8", (GRID**3 // 8,), "bool") or (
        first.shape != packed.shape[:1]
    ):
        raise InfoganError(
            f"{path} holds voxels_packed {packed.dtype} {packed.shape} and first_occurrence {first.dtype} "
            f"{first.shape}; uint8 (n, {GRID**3 // 8}) and bool (n,) are wanted."
        )
    voxels = np.unpackbits(packed[first], axis=1).reshape(-1, GRID, GRID, GRID).astype(bool)
    empty = ~voxels.any(axis=(1, 2, 3))
    if empty.any():
        raise InfoganError(f"shape {np.flatnonzero(first)[empty][0]} in {path} has no voxel; fetch it again.")
    return voxels


def draw_voxels(voxels: Bool[np.ndarray, "n side side side"]) -> UInt8[np.ndarray, "m 1 64 64"]:
    """All views of every shape, shape by shape; each as large as the image allows.

    Raises:
        InfoganError: where embreex or scikit-image is not installed.
    """
    x = np.empty((len(voxels), len(ANGLES), 1, SIDE, SIDE), np.uint8)

    def draw_shape(i: int) -> None:
        mesh = surface(voxels[i])
        x[i] = turntable(mesh, MARGIN * reach(mesh))

    on_all_processors(draw_shape, len(voxels), "drawing ModelNet10's chairs")
    return x.reshape(-1, 1, SIDE, SIDE)


def surface(voxels: Bool[np.ndarray, "side side side"]) -> Mesh:
    """The surface of voxels whose axes lead to the right, to the back and up, in voxels around their middle.

    Raises:
        InfoganError: where scikit-image is not installed.
    """
    try:
        from skimage.measure import marching_cubes
    except ImportError as error:
        raise InfoganError(
            "surfaces of voxels need scikit-image, which is not installed; pip install 'infogan[render]'."
        ) from error
    volume = np.pad(voxels.astype(np.float32), 4)
    vertices, triangles, _, _ = marching_cubes(  # type: ignore[no-untyped-call]
        gaussian_filter(volume, BLUR), LEVEL, gradient_direction="ascent"
    )
    smooth = gaussian_filter(volume, SMOOTH)
    slope = np.stack([map_coordinates(g, vertices.T, order=1) for g in np.gradient(smooth)], axis=1)
    normals = -slope / np.linalg.norm(slope, axis=1, keepdims=True)
    middle = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    return Mesh(
        _upright(vertices - middle),
        triangles.astype(np.int64),
        _upright(normals),
        np.full(len(triangles), ALBEDO),
    )


def _upright(v: Float[np.ndarray, "v 3"]) -> Float[np.ndarray, "v 3"]:
    return np.stack([v[:, 0], v[:, 2], -v[:, 1]], axis=1).astype(np.float64)


def reach(mesh: Mesh) -> float:
    """How far a mesh goes from the middle of the image, up, down or sideways, over all azimuths."""
    x, y, z = mesh.vertices.T
    radius = np.hypot(x, z)
    elevations = np.unique(ANGLES[:, 1])
    heights = [np.abs(y) * np.cos(e) + radius * np.sin(e) for e in elevations]
    return float(np.max([radius, *heights]))


MODELNET_CHAIRS = DatasetInfo(
    name="modelnet-chairs",
    about="ModelNet10's chairs from all sides, 64x64, gray, drawn from voxels",
    licence="Princeton ModelNet: academic use",
    shape=(1, SIDE, SIDE),
    splits={"train": (N_SHAPES - N_TEST) * len(ANGLES), "test": N_TEST * len(ANGLES)},
    load=load_modelnet_chairs,
    has=lambda load_options, split: load_options.look(FILES) is not None,
    factors=VIEWPOINT,
    files=FILES,
)
