"""Gray images of triangle meshes: parallel rays by Intel's Embree, Lambertian shading, no shadows."""

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any, final

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from infogan.utils.errors import InfoganError
from infogan.utils.progress import progress


@final
@dataclass(frozen=True)
class Mesh:
    """A triangle mesh: y up, +z towards the camera at azimuth 0."""

    vertices: Float[np.ndarray, "v 3"]
    triangles: Int[np.ndarray, "t 3"]  # counter-clockwise seen from outside
    normals: Float[np.ndarray, "v 3"] | None = None  # unit, for smooth shading; None shades flat
    albedo: Float[np.ndarray, "t"] | None = None  # 0 to 1; None is 1 everywhere

    def __post_init__(self) -> None:
        n = len(self.vertices)
        if not len(self.triangles):
            raise InfoganError("a mesh has no triangles; it needs at least one.")
        if self.triangles.min() < 0 or self.triangles.max() >= n:
            raise InfoganError(
                f"a mesh has {n} vertices but indices from {self.triangles.min()} to {self.triangles.max()}; "
                "indices start at 0."
            )
        if not np.isfinite(self.vertices).all():
            vertex = int(np.isfinite(self.vertices).all(axis=1).argmin())
            raise InfoganError(
                f"vertex {vertex} of a mesh is not finite; correct it or remove its triangles."
            )


@final
@dataclass(frozen=True)
class View:
    """The camera, the light and the image."""

    azimuth: float  # radians; rotates the camera around y, towards +x
    elevation: float  # radians; positive if the camera is above the horizon
    side: int  # pixels of the square image
    half_width: float  # of the image, which is centred at the origin, in the mesh's units
    light: tuple[float, float, float]  # unit vector towards the light, in the camera's axes
    background: float  # gray level, 0 to 1, of rays that hit nothing
    ambient: float = 0.3  # share of the light, 0 to 1, that comes from all directions
    supersampling: int = 3  # a pixel has supersampling**2 rays
    stretch: float = 1.0  # factor by which the mesh is stretched along its x axis

    @property
    def axes(self) -> Float[np.ndarray, "3 3"]:
        """The camera's axes in the mesh's coordinates: right, up, towards the camera."""
        sin_a, cos_a = math.sin(self.azimuth), math.cos(self.azimuth)
        sin_e, cos_e = math.sin(self.elevation), math.cos(self.elevation)
        right, up = [cos_a, 0.0, -sin_a], [-sin_e * sin_a, cos_e, -sin_e * cos_a]
        return np.array([right, up, [cos_e * sin_a, sin_e, cos_e * cos_a]])


@final
@dataclass(frozen=True)
class RayHits:
    """What the rays of a view hit, row by row from the top; a miss has depth -inf and normal 0."""

    hit: Bool[np.ndarray, "r"]
    depth: Float[np.ndarray, "r"]  # distance from the origin towards the camera, in the mesh's units
    normals: Float[np.ndarray, "r 3"]  # unit, in the camera's axes, towards the camera
    triangle: Int[np.ndarray, "r"]  # -1 for a miss


def vertex_normals(mesh: Mesh) -> Float[np.ndarray, "v 3"]:
    """The unit normal of each vertex: the area-weighted mean of its triangles', or 0 if it has none."""
    corner = mesh.vertices[mesh.triangles].astype(np.float64)
    twice_area = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    total = np.zeros((len(mesh.vertices), 3))
    np.add.at(total, mesh.triangles, twice_area[:, None])
    return _normalise(total)


@final
class Scene:
    """A mesh that is prepared for ray casting, from any number of views."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self._radius = float(np.linalg.norm(mesh.vertices, axis=1).max())
        device = _embree_device()
        from embreex.mesh_construction import TriangleMesh
        from embreex.rtcore_scene import EmbreeScene

        self._embree = EmbreeScene(device, robust=True)
        TriangleMesh(self._embree, mesh.vertices.astype(np.float32), mesh.triangles.astype(np.int32))
        if mesh.normals is not None:
            self._corner_normals = mesh.normals.astype(np.float32)[mesh.triangles]

    def cast_rays(self, view: View) -> RayHits:
        """Casts (side * supersampling)**2 parallel rays."""
        stretch = np.array([view.stretch, 1.0, 1.0])
        axes = view.axes
        start = 1 + self._radius * max(1.0, view.stretch)
        n = view.side * view.supersampling
        across = ((np.arange(n) + 0.5) * (2 / n) - 1) * view.half_width
        origins = across[None, :, None] * axes[0] - across[:, None, None] * axes[1] + start * axes[2]
        # The rays are shrunk instead of stretching the mesh, so that one Embree scene serves all views.
        hits = self._embree.run(
            (origins.reshape(-1, 3) / stretch).astype(np.float32),
            (-axes[2:] / stretch).astype(np.float32),
            output=True,
        )
        triangle = hits["primID"]
        hit = triangle >= 0
        face_normals = normals = hits["Ng"][hit]
        if self.mesh.normals is not None:
            u, v = hits["u"][hit, None], hits["v"][hit, None]
            corners = self._corner_normals[triangle[hit]]
            normals = (1 - u - v) * corners[:, 0] + u * corners[:, 1] + v * corners[:, 2]
        to_camera = (axes / stretch).T.astype(np.float32)
        is_back = face_normals @ to_camera[:, 2] < 0  # the inside of an open mesh
        towards_camera = np.where(is_back, -1, 1)[:, None].astype(np.float32)
        all_normals = np.zeros((n * n, 3), np.float32)
        all_normals[hit] = _normalise(normals @ to_camera) * towards_camera
        depth = np.where(hit, np.float32(start) - hits["tfar"], -np.inf).astype(np.float32)
        return RayHits(hit, depth, all_normals, triangle)

    def render(self, view: View) -> UInt8[np.ndarray, "{view.side} {view.side}"]:
        """albedo * (ambient + (1 - ambient) * max(0, normal . light)), averaged over the rays of a pixel."""
        rays = self.cast_rays(view)
        lit = np.maximum(rays.normals[rays.hit] @ np.array(view.light, np.float32), 0)
        gray = view.ambient + (1 - view.ambient) * lit
        if self.mesh.albedo is not None:
            gray = gray * self.mesh.albedo[rays.triangle[rays.hit]]
        levels = np.full(len(rays.hit), view.background, np.float32)
        levels[rays.hit] = gray
        rays_of_pixel = levels.reshape(view.side, view.supersampling, view.side, view.supersampling)
        pixels: np.ndarray = rays_of_pixel.mean(axis=(1, 3)).clip(0, 1)
        image: np.ndarray = np.rint(255 * pixels).astype(np.uint8)
        return image


@cache
def _embree_device() -> Any:
    try:
        from embreex.rtcore import EmbreeDevice
    except ImportError as error:
        raise InfoganError("rendering meshes needs embreex; pip install 'infogan[render]'.") from error
    return EmbreeDevice()


def run_in_threads(job: Callable[[int], None], n: int, description: str) -> None:
    """Runs the job for 0 to n - 1, one thread per core: Embree and NumPy release the GIL."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in progress(pool.map(job, range(n)), description, n):
            pass


def _normalise(x: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    length = np.sqrt((x * x).sum(axis=1, keepdims=True))
    return x / np.where(length > 0, length, 1)
