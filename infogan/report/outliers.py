"""Duplicates, near-duplicates and outliers among images."""

from collections import defaultdict
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8

from infogan.evaluation.image_quality.metrics import nearest_neighbours
from infogan.method.model import Pictures
from infogan.report.copies import Copy, find_copies

N_NEIGHBOURS = 5
MAX_DIFFERENCE = 0.02  # of near-duplicates: mean absolute difference of a pixel, over white minus black
MAX_RELATIVE_DIFFERENCE = 0.25  # of the median difference of an image and its most similar neighbour
MAX_OF_CONTRAST = 0.25  # of an image's own mean deviation from its mean: all dark frames are alike otherwise
CHUNK = 500  # images at once


class NearDuplicate(NamedTuple):
    """Two images and the mean absolute difference of a pixel, 1 being white minus black."""

    a: int
    b: int
    difference: float


class DuplicatesAndOutliers(NamedTuple):
    """Indices of images."""

    duplicates: list[list[int]]  # groups of images that are equal in every pixel
    near_duplicates: list[NearDuplicate]  # the most similar first; a group of duplicates counts once
    copies: list[Copy]  # mirrored or cropped; the most similar first
    outliers: Int[np.ndarray, "m"]  # every image, or one per group of duplicates, the most isolated first
    scores: Float[np.ndarray, "m"]  # of the outliers: mean distance to 5 neighbours, over its median
    by_pixels: list[bool]  # of each outlier: whether its distance is that of pixels, not of Q's features


def find_duplicates_and_outliers(
    x: Pictures, features: Float[np.ndarray, "n width"]
) -> DuplicatesAndOutliers:
    """Duplicates by pixels, near-duplicates by pixels among neighbours, outliers by distance to neighbours.

    Neighbours are nearest in Q's features. Q maps noise and blank frames to where other images are, so
    outliers are also those far apart in brightness, contrast, detail and colour: the two orders are merged by
    rank. Vectors have no near-duplicates, copies and pixels, as the scale of their numbers is unknown.
    """
    groups: defaultdict[bytes, list[int]] = defaultdict(list)
    for i, image in enumerate(x):
        groups[image.tobytes()].append(i)
    distinct = np.array([group[0] for group in groups.values()])
    duplicates = [group for group in groups.values() if len(group) > 1]
    n = len(distinct)
    if n < 2:
        return DuplicatesAndOutliers(duplicates, [], [], distinct, np.zeros(n), [False] * n)
    index, distance = _neighbour_distance(features[distinct])
    distances, near, copies = [distance], list[NearDuplicate](), list[Copy]()
    if x.dtype == np.uint8:
        distances.append(_neighbour_distance(_pixel_statistics(x[distinct]))[1])
        near, copies = _near_duplicates(x, distinct, index), find_copies(x, distinct)
    ranks = np.stack([np.argsort(np.argsort(-of, kind="stable"), kind="stable") for of in distances])
    order = np.argsort(ranks.min(axis=0), kind="stable")
    best = ranks.argmin(axis=0)
    scores = np.stack(distances)[best, np.arange(n)][order]
    known = {(copy.a, copy.b) for copy in copies}
    near = [pair for pair in near if (pair.a, pair.b) not in known and (pair.b, pair.a) not in known]
    return DuplicatesAndOutliers(
        duplicates, near, copies, distinct[order], scores, (best[order] == 1).tolist()
    )


def _neighbour_distance(
    features: Float[np.ndarray, "n width"],
) -> tuple[Int[np.ndarray, "n k"], Float[np.ndarray, "n"]]:
    """The nearest neighbours of each row, and their mean distance over its median."""
    # Centred, as squared distances in single precision lose the digits of a large common offset.
    centred = torch.from_numpy(features)
    centred = centred - centred.mean(dim=0)
    index, squared = nearest_neighbours(centred, min(N_NEIGHBOURS, len(features) - 1))
    distance = squared.clamp(min=0).sqrt().numpy().astype(float).mean(axis=1)
    return index.numpy(), distance / max(np.median(distance), 1e-12)


def _pixel_statistics(x: UInt8[np.ndarray, "n ch h w"]) -> Float[np.ndarray, "n 4"]:
    """Brightness, contrast, detail and colour of each image, each over its range from the 5th percentile to
    the 95th."""
    parts = []
    for i in range(0, len(x), CHUNK):
        pixels = x[i : i + CHUNK].astype(np.float32)
        gray = pixels.mean(axis=1)
        contrast = gray.std(axis=(1, 2))
        steps = [
            np.abs(np.diff(gray, axis=axis)).mean(axis=(1, 2)) for axis in (1, 2) if gray.shape[axis] > 1
        ]
        detail = sum(steps, np.zeros(len(gray), np.float32)) / (contrast + 1)
        colour = np.abs(pixels - gray[:, None]).mean(axis=(1, 2, 3))
        parts.append(np.stack([gray.mean(axis=(1, 2)), np.log1p(contrast), detail, colour], axis=1))
    found = np.concatenate(parts)
    low, high = np.quantile(found, (0.05, 0.95), axis=0)
    scaled: Float[np.ndarray, "n 4"] = found / np.where(high > low, high - low, 1)
    return scaled.astype(np.float32)


def _near_duplicates(
    x: Pictures, distinct: Int[np.ndarray, "m"], neighbours: Int[np.ndarray, "m k"]
) -> list[NearDuplicate]:
    differences = np.array(
        [
            [np.abs(x[distinct[j]].astype(int) - x[i]).mean() / 255 for j in js]
            for i, js in zip(distinct, neighbours, strict=True)
        ]
    )
    contrast = np.array([np.abs(x[i] - x[i].mean()).mean() / 255 for i in distinct])
    limit = min(MAX_DIFFERENCE, MAX_RELATIVE_DIFFERENCE * float(np.median(differences.min(axis=1))))
    is_near = differences <= np.minimum(limit, MAX_OF_CONTRAST * contrast[:, None])
    pairs: dict[tuple[int, int], float] = {}
    for row, column in np.argwhere(is_near):
        a, b = sorted((int(distinct[row]), int(distinct[neighbours[row, column]])))
        pairs[a, b] = float(differences[row, column])
    return sorted((NearDuplicate(a, b, d) for (a, b), d in pairs.items()), key=lambda near: near.difference)
