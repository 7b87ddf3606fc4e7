"""All images of a report in two dimensions, as the scripts of the page read them."""

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from sklearn.decomposition import PCA

from infogan.evaluation.image_quality.metrics import nearest_neighbours
from infogan.method.model import Model, Pictures
from infogan.report.associations import Column
from infogan.report.inline_images import MAX_SIDE, thumbnails, to_data_uri
from infogan.report.outliers import DuplicatesAndOutliers
from infogan.report.sample import Sample
from infogan.runs.labels import category_names
from infogan.runs.run import Run

N_NEIGHBOURS = 8
MIN_IMAGES = 3  # fewer need no map
MIN_UMAP_IMAGES = 30  # its neighbourhoods have 15
MIN_SIDE = 16  # of a thumbnail, in pixels
MAX_PIXELS = 24**2 * 10_000  # of all thumbnails together, 1 to 4 MB on the page
UNKNOWN = 2**16 - 1  # in place of a value


@final
@dataclass(frozen=True)
class ImageMap:
    """What the page draws, and what it says about it."""

    share: float | None  # of the variance of the features, that the two principal components hold; None: UMAP
    n_neighbours: int
    data: dict[str, Any]  # ready for JSON


class Positions(NamedTuple):
    """Two coordinates per image."""

    xy: Float[np.ndarray, "n 2"]
    share: float | None  # as in ImageMap


def image_map(
    sample: Sample,
    codes: Sequence[Column],
    known: Sequence[Column],
    found: DuplicatesAndOutliers,
    n_marked: int,
) -> ImageMap | None:
    """The map of a sample; None of vectors, which have no pictures, and of fewer than three images.

    Args:
        codes, known: what may colour the images.
        n_marked: how many of the most isolated images are marked as outliers.
    """
    n = len(sample)
    if not sample.has_pictures or n < MIN_IMAGES:
        return None
    xy, share = find_positions(sample.features)
    sprite, tile = make_sprite(sample.x)
    k = min(N_NEIGHBOURS, n - 1)
    centred = torch.from_numpy(sample.features - sample.features.mean(axis=0))
    data = {
        "n": n,
        "xy": to_base64(quantise(xy)),
        "names": [sample.title(i) for i in range(n)],
        "k": k,
        "neighbours": to_base64(nearest_neighbours(centred, k)[0].numpy()),
        "sprite": sprite,
        "tile": tile,
        "duplicates": sorted(i for group in found.duplicates for i in group),
        "outliers": found.outliers[:n_marked].tolist(),
        "codes": [colouring(column) for column in codes],
        "known": [colouring(column) for column in known],
    }
    return ImageMap(share, k, data)


def code_columns(run: Run, model: Model, sample: Sample, headings: Sequence[str]) -> list[Column]:
    """The codes of a sample, under these headings and with the names of their categories."""
    names, columns = category_names(run), []
    for i, (id, code) in enumerate(zip(model.latent.names, model.latent.codes, strict=True)):
        called = names.get(id, {})
        categories = tuple(called.get(k, str(k)) for k in range(max(called, default=-1) + 1))
        columns.append(Column(headings[i], code.kind, sample.values[:, i], categories))
    return columns


def find_positions(features: Float[np.ndarray, "n width"]) -> Positions:
    """UMAP of the features if umap-learn is installed and images are not too few, else two components of PCA.

    McInnes et al., UMAP: Uniform Manifold Approximation and Projection, 2018.
    """
    if len(features) >= MIN_UMAP_IMAGES:
        try:
            from umap import UMAP
        except ImportError:
            pass
        else:
            return Positions(UMAP(n_components=2, random_state=0, n_jobs=1).fit_transform(features), None)
    with np.errstate(invalid="ignore"):  # if all images look the same to Q, no component has a share
        pca = PCA(n_components=2, random_state=0).fit(features.astype(float))
    return Positions(pca.transform(features.astype(float)), float(np.nansum(pca.explained_variance_ratio_)))


def quantise(xy: Float[np.ndarray, "n 2"]) -> Int[np.ndarray, "n 2"]:
    """Each coordinate stretched to 0 ... 65535."""
    low = xy.min(axis=0)
    extent = np.maximum(xy.max(axis=0) - low, 1e-12)
    numbers: np.ndarray = np.rint((xy - low) / extent * (2**16 - 1)).astype(int)
    return numbers


def make_sprite(x: Pictures) -> tuple[str, list[int]]:
    """All images as thumbnails in one, in rows of ceil(sqrt(n)), and the width and height of a thumbnail."""
    n = len(x)
    small = thumbnails(x, min(MAX_SIDE, max(MIN_SIDE, math.isqrt(MAX_PIXELS // n))))
    ch, h, w = small.shape[1:]
    cols = math.isqrt(n - 1) + 1
    rows = -(-n // cols)
    tiles: UInt8[np.ndarray, "tiles ch h w"] = np.zeros((rows * cols, ch, h, w), np.uint8)
    tiles[:n] = small
    grid = tiles.reshape(rows, cols, ch, h, w).transpose(0, 3, 1, 4, 2).reshape(rows * h, cols * w, ch)
    return to_data_uri(grid, "WEBP"), [w, h]


def colouring(column: Column) -> dict[str, Any]:
    """A column as whole numbers q, each meaning the value low + step q, or UNKNOWN.

    `ends` are the 2nd and the 98th percentile of a number, so that a few extremes leave colours to the rest.
    """
    values = column.values % (2 * math.pi) if column.kind == "angle" else column.values
    known = values[np.isfinite(values)]
    low, high = float(known.min()), float(known.max())
    if column.kind == "category":
        low, step = 0.0, 1.0
    elif column.kind == "angle":
        low, step = 0.0, 2 * math.pi / (UNKNOWN - 1)
    else:
        step = (high - low) / (UNKNOWN - 1) if high > low else 1.0
    q = np.full(len(values), UNKNOWN)
    q[np.isfinite(values)] = np.rint((known - low) / step)
    ends = np.percentile(known, [2, 98]).tolist() if column.kind == "number" else None
    return {
        "name": column.name,
        "kind": column.kind,
        "values": to_base64(q),
        "low": low,
        "step": step,
        "ends": ends if ends is None or ends[0] < ends[1] else [low, high],
        "categories": list(column.categories),
    }


def to_base64(numbers: Int[np.ndarray, "..."]) -> str:
    """Whole numbers in 0 ... 65535 as unsigned 16-bit ones, the low byte first."""
    return base64.b64encode(np.ascontiguousarray(numbers, "<u2").tobytes()).decode()
