"""Images that are there twice, nearly twice, and images like no other."""

from collections import defaultdict
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int

from infogan.evaluation.image_quality.metrics import nearest_neighbours
from infogan.method.model import Pictures

NEIGHBOURS = 5
NEAR = 0.02  # of black to white, the mean difference of a pixel
NEAR_SHARE = 0.25  # of what an image's nearest neighbours differ by in most cases


class Near(NamedTuple):
    """Two images that are nearly one, and the mean difference of a pixel, 1 being black to white."""

    a: int
    b: int
    difference: float


class Oddities(NamedTuple):
    """Indices into the images."""

    copies: list[list[int]]  # groups of images equal in every pixel
    near: list[Near]  # the nearest first; of copies, the first stands for all
    odd: Int[np.ndarray, "n"]  # all but further copies, the oddest first
    distance: Float[np.ndarray, "n"]  # of those, the mean distance to 5 neighbours over its median


def find_oddities(x: Pictures, features: Float[np.ndarray, "n width"]) -> Oddities:
    """Copies by their pixels, near copies and odd ones by their nearest neighbours in Q's features.

    Of vectors, no near copies are sought, as nobody knows what is near in their units.
    """
    groups: defaultdict[bytes, list[int]] = defaultdict(list)
    for i, one in enumerate(x):
        groups[one.tobytes()].append(i)
    first = np.array([group[0] for group in groups.values()])
    copies = [group for group in groups.values() if len(group) > 1]
    if len(first) < 2:
        return Oddities(copies, [], first, np.zeros(len(first)))
    neighbours, distances = _neighbours(features[first])
    spread = distances.mean(axis=1)
    order = np.argsort(-spread, kind="stable")
    near = _near(x, first, neighbours) if x.dtype == np.uint8 else []
    return Oddities(copies, near, first[order], spread[order] / max(np.median(spread), 1e-12))


def _neighbours(
    features: Float[np.ndarray, "m width"],
) -> tuple[Int[np.ndarray, "m k"], Float[np.ndarray, "m k"]]:
    """The nearest others of each, the nearest first, and how far they are."""
    f = torch.from_numpy(features)
    f = f - f.mean(dim=0)  # keeps the digits that squared distances in single precision would lose
    k = min(NEIGHBOURS, len(f) - 1)
    indices, squares = nearest_neighbours(f, k)
    return indices.numpy(), squares.clamp(min=0).sqrt().numpy().astype(float)


def _near(x: Pictures, first: Int[np.ndarray, "m"], neighbours: Int[np.ndarray, "m k"]) -> list[Near]:
    differences = np.array(
        [
            [np.abs(x[first[j]].astype(int) - x[i]).mean() / 255 for j in js]
            for i, js in zip(first, neighbours, strict=True)
        ]
    )
    limit = min(NEAR, NEAR_SHARE * float(np.median(differences.min(axis=1))))
    pairs = {
        (min(int(first[r]), int(first[j])), max(int(first[r]), int(first[j]))): float(differences[r, c])
        for r, c in np.argwhere(differences <= limit)
        for j in [neighbours[r, c]]
    }
    return sorted((Near(a, b, d) for (a, b), d in pairs.items()), key=lambda near: near.difference)
