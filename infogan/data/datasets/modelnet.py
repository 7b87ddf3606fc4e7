"""The chairs of ModelNet10 (Wu et al. 2015), rendered from voxels in the views of chairs3d."""

import hashlib
import inspect
import sys
from pathlib import Path

import numpy as np
import scipy
from jaxtyping import Bool, Float, UInt8

from infogan.data.cache import cached_arrays
from infogan.data.formats.npy import read_npz
from infogan.data.images import Factors, Images
from infogan.data.options import DatasetInfo, LoadOptions
from infogan.data.synthetic.chairs3d import ANGLES, SIDE, VIEWPOINT, render_views, rendering_code
from infogan.data.synthetic.render import Mesh, run_in_threads
from infogan.utils.errors import InfoganError

FILES = ("chairs_modelnet10/chair_voxels_32.npz",)
GRID = 32  # voxels along a side
N_SHAPES, N_TEST = 839, 100  # without duplicates
SURFACE_BLUR = 0.6  # standard deviation in voxels; legs are one voxel thick and vanish if it is larger
SURFACE_LEVEL = 0.28  # of the blurred volume; the centre of a single voxel has 0.29
NORMAL_BLUR = 0.9  # standard deviation in voxels; hides the steps between voxels
ALBEDO = 0.8  # so that no side is as white as the background
MARGIN = 1.04  # half the width of the image, relative to the extent of the shape


def load_modelnet_chairs(load_options: LoadOptions, split: str) -> Images:
    """All shapes but the last 100 (train) or only those (test), in 62 views each."""
    path = load_options.require_path("the file of ModelNet10's chairs", FILES)
    voxels = read_voxels(path)
    if len(voxels) <= N_TEST:
        raise InfoganError(
            f"{path} holds {len(voxels)} shapes, too few for {N_TEST} test shapes; fetch it again."
        )
    voxels = voxels[-N_TEST:] if split == "test" else voxels[:-N_TEST]
    shapes = hashlib.sha256(voxels.tobytes()).hexdigest()
    key = f"{shapes} {rendering_code()} {inspect.getsource(sys.modules[__name__])}"
    x = cached_arrays(f"modelnet-chairs-{split}", key, lambda: {"x": render_voxels(voxels)})["x"]
    return Images.from_arrays(x, factors=Factors(VIEWPOINT, np.tile(ANGLES, (len(voxels), 1))))


def read_voxels(path: Path) -> Bool[np.ndarray, "n 32 32 32"]:
    """The distinct shapes of a .npz: `voxels_packed`, uint8 (n, 4096); `first_occurrence`, bool (n,)."""
    arrays = read_npz(path, ("voxels_packed", "first_occurrence"))
    packed, first = arrays["voxels_packed"], arrays["first_occurrence"]
    expected = np.dtype("u1"), (*first.shape, GRID**3 // 8), 1, np.dtype(bool)
    if (packed.dtype, packed.shape, first.ndim, first.dtype) != expected:
        raise InfoganError(
            f"{path} holds voxels_packed {packed.dtype} {packed.shape} and first_occurrence {first.dtype} "
            f"{first.shape}; expected uint8 (n, {GRID**3 // 8}) and bool (n,)."
        )
    voxels = np.unpackbits(packed[first], axis=1).reshape(-1, GRID, GRID, GRID).astype(bool)
    empty = ~voxels.any(axis=(1, 2, 3))
    if empty.any():
        raise InfoganError(f"shape {np.flatnonzero(first)[empty][0]} in {path} has no voxel; fetch it again.")
    return voxels


def render_voxels(voxels: Bool[np.ndarray, "n side side side"]) -> UInt8[np.ndarray, "m 1 64 64"]:
    """All views of every shape, shape by shape, each as large as the image allows."""
    x = np.empty((len(voxels), len(ANGLES), 1, SIDE, SIDE), np.uint8)

    def render_shape(i: int) -> None:
        mesh = mesh_from_voxels(voxels[i])
        x[i] = render_views(mesh, MARGIN * max_extent(mesh))

    run_in_threads(render_shape, len(voxels), "rendering ModelNet10's chairs")
    return x.reshape(-1, 1, SIDE, SIDE)


def mesh_from_voxels(voxels: Bool[np.ndarray, "side side side"]) -> Mesh:
    """The surface of voxels, whose axes point right, back and up; centred at the origin, in voxels."""
    try:
        from skimage.measure import marching_cubes
    except ImportError as error:
        raise InfoganError("rendering voxels needs scikit-image; pip install 'infogan[render]'.") from error
    volume = np.pad(voxels.astype(np.float32), 4)
    vertices, triangles, _, _ = marching_cubes(  # type: ignore[no-untyped-call]
        scipy.ndimage.gaussian_filter(volume, SURFACE_BLUR), SURFACE_LEVEL, gradient_direction="ascent"
    )
    blurred = scipy.ndimage.gaussian_filter(volume, NORMAL_BLUR)
    gradient = np.stack(
        [scipy.ndimage.map_coordinates(g, vertices.T, order=1) for g in np.gradient(blurred)], axis=1
    )
    normals = -gradient / np.linalg.norm(gradient, axis=1, keepdims=True)
    middle = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    albedo = np.full(len(triangles), ALBEDO)
    return Mesh(_to_y_up(vertices - middle), triangles.astype(np.int64), _to_y_up(normals), albedo)


def _to_y_up(v: Float[np.ndarray, "v 3"]) -> Float[np.ndarray, "v 3"]:
    return np.stack([v[:, 0], v[:, 2], -v[:, 1]], axis=1).astype(np.float64)


def max_extent(mesh: Mesh) -> float:
    """The largest vertical or horizontal distance from the centre of the image, at any azimuth."""
    x, y, z = mesh.vertices.T
    radius = np.hypot(x, z)
    elevations = np.unique(ANGLES[:, 1])
    return float(np.max([radius, *(np.abs(y) * np.cos(e) + radius * np.sin(e) for e in elevations)]))


MODELNET_CHAIRS = DatasetInfo(
    name="modelnet-chairs",
    description="ModelNet10's chairs from all sides, 64x64, gray, rendered from voxels",
    licence="Princeton ModelNet: academic use",
    shape=(1, SIDE, SIDE),
    splits={"train": (N_SHAPES - N_TEST) * len(ANGLES), "test": N_TEST * len(ANGLES)},
    load=load_modelnet_chairs,
    factors=VIEWPOINT,
    files=FILES,
)
