"""Gray pictures of triangle meshes: parallel rays by Intel's Embree, Lambert's shading, no shadows."""

import math
from dataclasses import dataclass
from functools import cache
from typing import Any, final

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from infogan.utils.errors import InfoganError


@final
@dataclass(frozen=True)
class Mesh:
    """Triangles in space, y up, +z towards the viewer at azimuth 0.

    Raises:
        InfoganError: for no triangles, an index out of range, or a number that is not finite.
    """

    vertices: Float[np.ndarray, "v 3"]
    triangles: Int[np.ndarray, "t 3"]  # counter-clockwise seen from outside
    normals: Float[np.ndarray, "v 3"] | None = None  # unit, for smooth shading; None shades flat
    albedo: Float[np.ndarray, "t"] | None = None  # 0 to 1; None is 1 everywhere

    def __post_init__(self) -> None:
        n = len(self.vertices)
        if not len(self.triangles):
            raise InfoganError("a mesh has no triangles; give it one at least.")
        if self.triangles.min() < 0 or self.triangles.max() >= n:
            raise InfoganError(
                f"a mesh names vertices {self.triangles.min()} to {self.triangles.max()}, but has {n}; "
                "count them from 0."
            )
        if not np.isfinite(self.vertices).all():
            bad = int(np.isfinite(self.vertices).all(axis=1).argmin())
            raise InfoganError(f"vertex {bad} of a mesh is not finite; mend it or leave its triangles out.")


@final
@dataclass(frozen=True)
class View:
    """Where the camera stands, what it shows and where the light is."""

    azimuth: float  # radians; the camera turns around y, towards +x
    elevation: float  # radians; the camera above the horizon
    side: int  # pixels of the square image
    half_width: float  # half of the width that the image shows around the origin, in the mesh's units
    light: tuple[float, float, float]  # unit vector towards the light: right, up, towards the camera
    background: float  # gray, 0 to 1, where nothing is hit
    ambient: float = 0.3  # the part of the light, 0 to 1, that comes from everywhere
    samples: int = 3  # samples**2 rays a pixel
    stretch: float = 1.0  # the mesh is made so much wider along its x first

    @property
    def axes(self) -> Float[np.ndarray, "3 3"]:
        """Unit vectors of the camera in the mesh's coordinates: to its right, up, and back to it."""
        sin_a, cos_a = math.sin(self.azimuth), math.cos(self.azimuth)
        sin_e, cos_e = math.sin(self.elevation), math.cos(self.elevation)
        return np.array(
            [
                [cos_a, 0.0, -sin_a],
                [-sin_e * sin_a, cos_e, -sin_e * cos_a],
                [cos_e * sin_a, sin_e, cos_e * cos_a],
            ]
        )


@final
@dataclass(frozen=True)
class Rays:
    """What the rays of a view hit, row by row from the top; what missed has depth -inf and normal 0."""

    hit: Bool[np.ndarray, "r"]
    depth: Float[np.ndarray, "r"]  # towards the camera from the origin, in the mesh's units
    normals: Float[np.ndarray, "r 3"]  # unit, in camera coordinates, on the side that is seen
    triangle: Int[np.ndarray, "r"]  # -1 where missed


def vertex_normals(mesh: Mesh) -> Float[np.ndarray, "v 3"]:
    """The unit normal of each vertex: its triangles', weighted by their areas; 0 where it has none."""
    corner = mesh.vertices[mesh.triangles].astype(np.float64)
    twice_area = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    owner = mesh.triangles.ravel()
    n = len(mesh.vertices)
    total = np.stack(
        [np.bincount(owner, np.repeat(twice_area[:, k], 3), minlength=n) for k in range(3)], axis=1
    )
    return _unit(total)


@final
class Scene:
    """A mesh that rays can be cast at, from as many views as one likes.

    Raises:
        InfoganError: where embreex is not installed.
    """

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self._radius = float(np.linalg.norm(mesh.vertices, axis=1).max())
        self._embree = _build(mesh)
        if mesh.normals is not None:
            self._corner_normals = mesh.normals.astype(np.float32)[mesh.triangles]

    def cast(self, view: View) -> Rays:
        """Sends (side * samples)**2 parallel rays."""
        widen = np.array([view.stretch, 1.0, 1.0])
        axes = view.axes
        start = 1 + self._radius * max(1.0, view.stretch)
        n = view.side * view.samples
        across = ((np.arange(n) + 0.5) * (2 / n) - 1) * view.half_width
        origins = across[None, :, None] * axes[0] - across[:, None, None] * axes[1] + start * axes[2]
        # A ray at the stretched mesh is a ray shrunk by as much at the mesh: Embree keeps one tree.
        found = self._embree.run(
            (origins.reshape(-1, 3) / widen).astype(np.float32),
            (-axes[2:] / widen).astype(np.float32),
            output=True,
        )
        triangle = found["primID"]
        hit = triangle >= 0
        outward = found["Ng"][hit]
        seen = outward
        if self.mesh.normals is not None:
            u, v = found["u"][hit, None], found["v"][hit, None]
            corners = self._corner_normals[triangle[hit]]
            seen = (1 - u - v) * corners[:, 0] + u * corners[:, 1] + v * corners[:, 2]
        to_camera = (axes / widen).T.astype(np.float32)
        behind = outward @ to_camera[:, 2] < 0  # the inner side of a mesh that is open
        normals = np.zeros((n * n, 3), np.float32)
        normals[hit] = _unit(seen @ to_camera) * np.where(behind, -1, 1)[:, None].astype(np.float32)
        depth = np.where(hit, np.float32(start) - found["tfar"], -np.inf).astype(np.float32)
        return Rays(hit, depth, normals, triangle)

    def render(self, view: View) -> UInt8[np.ndarray, "{view.side} {view.side}"]:
        """albedo * (ambient + (1 - ambient) * max(0, normal . light)), averaged over a pixel's rays."""
        rays = self.cast(view)
        lit = np.maximum(rays.normals[rays.hit] @ np.array(view.light, np.float32), 0)
        gray = view.ambient + (1 - view.ambient) * lit
        if self.mesh.albedo is not None:
            gray = gray * self.mesh.albedo[rays.triangle[rays.hit]]
        shades = np.full(len(rays.hit), view.background, np.float32)
        shades[rays.hit] = gray
        pixels = shades.reshape(view.side, view.samples, view.side, view.samples).mean(axis=(1, 3))
        image: UInt8[np.ndarray, "side side"] = np.rint(255 * pixels.clip(0, 1)).astype(np.uint8)
        return image


@cache
def _device() -> Any:
    try:
        from embreex.rtcore import EmbreeDevice
    except ImportError as error:
        raise InfoganError(
            "drawing meshes needs embreex, which is not installed; pip install 'infogan[render]'."
        ) from error
    return EmbreeDevice()


def _build(mesh: Mesh) -> Any:
    device = _device()
    from embreex.mesh_construction import TriangleMesh
    from embreex.rtcore_scene import EmbreeScene

    scene = EmbreeScene(device, robust=True)
    TriangleMesh(scene, mesh.vertices.astype(np.float32), mesh.triangles.astype(np.int32))
    return scene


def _unit(x: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    length = np.sqrt((x * x).sum(axis=1, keepdims=True))
    return x / np.where(length > 0, length, 1)
