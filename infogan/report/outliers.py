"""Duplicates, near-duplicates and outliers among images."""

from collections import defaultdict
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int

from infogan.evaluation.image_quality.metrics import nearest_neighbours
from infogan.method.model import Pictures

N_NEIGHBOURS = 5
MAX_DIFFERENCE = 0.02  # of near-duplicates: mean absolute difference of a pixel, over white minus black
MAX_RELATIVE_DIFFERENCE = 0.25  # of the median difference of an image and its most similar neighbour


class NearDuplicate(NamedTuple):
    """Two images and the mean absolute difference of a pixel, 1 being white minus black."""

    a: int
    b: int
    difference: float


class DuplicatesAndOutliers(NamedTuple):
    """Indices of images."""

    duplicates: list[list[int]]  # groups of images that are equal in every pixel
    near_duplicates: list[NearDuplicate]  # the most similar first; a group of duplicates counts once
    outliers: Int[np.ndarray, "m"]  # every image, or one per group of duplicates, the most isolated first
    scores: Float[np.ndarray, "m"]  # of the outliers: mean distance to 5 neighbours, over its median


def find_duplicates_and_outliers(
    x: Pictures, features: Float[np.ndarray, "n width"]
) -> DuplicatesAndOutliers:
    """Duplicates by pixels, near-duplicates by pixels among neighbours, outliers by distance to neighbours.

    Neighbours are nearest in Q's features. Vectors have no near-duplicates, as the scale of their numbers is
    unknown.
    """
    groups: defaultdict[bytes, list[int]] = defaultdict(list)
    for i, image in enumerate(x):
        groups[image.tobytes()].append(i)
    distinct = np.array([group[0] for group in groups.values()])
    duplicates = [group for group in groups.values() if len(group) > 1]
    if len(distinct) < 2:
        return DuplicatesAndOutliers(duplicates, [], distinct, np.zeros(len(distinct)))
    # Centred, as squared distances in single precision lose the digits of a large common offset.
    centred = torch.from_numpy(features[distinct])
    centred = centred - centred.mean(dim=0)
    index, squared = nearest_neighbours(centred, min(N_NEIGHBOURS, len(distinct) - 1))
    distance = squared.clamp(min=0).sqrt().numpy().astype(float).mean(axis=1)
    order = np.argsort(-distance, kind="stable")
    near = _near_duplicates(x, distinct, index.numpy()) if x.dtype == np.uint8 else []
    scores = distance[order] / max(np.median(distance), 1e-12)
    return DuplicatesAndOutliers(duplicates, near, distinct[order], scores)


def _near_duplicates(
    x: Pictures, distinct: Int[np.ndarray, "m"], neighbours: Int[np.ndarray, "m k"]
) -> list[NearDuplicate]:
    differences = np.array(
        [
            [np.abs(x[distinct[j]].astype(int) - x[i]).mean() / 255 for j in js]
            for i, js in zip(distinct, neighbours, strict=True)
        ]
    )
    limit = min(MAX_DIFFERENCE, MAX_RELATIVE_DIFFERENCE * float(np.median(differences.min(axis=1))))
    pairs: dict[tuple[int, int], float] = {}
    for row, column in np.argwhere(differences <= limit):
        a, b = sorted((int(distinct[row]), int(distinct[neighbours[row, column]])))
        pairs[a, b] = float(differences[row, column])
    return sorted((NearDuplicate(a, b, d) for (a, b), d in pairs.items()), key=lambda near: near.difference)
