"""Mirrored copies and crops among images: pairs that look the same once one is mirrored or cut."""

from collections.abc import Iterator
from itertools import product
from typing import Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor

SIDE = 6  # of the thumbnails in which candidates are searched
MIN_SIDE = 16  # of images; smaller ones are alike too often
MAX_CROPPED = 3_000  # images among which crops are searched: the time grows with the square
SHARES = (0.88, 0.78, 0.7)  # of a side that a crop keeps
PLACES = tuple(product((0.0, 0.5, 1.0), repeat=2))  # down and right, of the room that it leaves
N_NEIGHBOURS = 5
MIN_THUMBNAIL_CORRELATION = 0.8
MAX_RATIO = 0.6  # of 1 - the correlation, to that with the fifth best image (as Lowe 2004 for keypoints)
MAX_CANDIDATES = 500
MIN_CORRELATION = 0.97  # of the pixels of a copy, once it is aligned

Pixels = UInt8[np.ndarray, "n ch h w"]
Crop = tuple[float, float, float]  # the share of a side that it keeps; its place down and right, in [0, 1]
View = Crop | Literal["mirrored"]


class Copy(NamedTuple):
    """Image b looks like image a once that is mirrored or cropped."""

    a: int
    b: int
    how: Literal["mirrored", "cropped"]
    correlation: float  # of their pixels then


def find_copies(x: Pixels, distinct: Int[np.ndarray, "m"]) -> list[Copy]:
    """The most alike first. Crops keep 60 to 98 % of a side; larger cuts and turns are not found.

    Images without contrast are never copies: all dark frames look the same.

    Args:
        distinct: the images to compare, none of which equals another.
    """
    if min(x.shape[2:]) < MIN_SIDE or len(distinct) < 2:
        return []
    candidates: dict[tuple[int, int, bool], tuple[float, View]] = {}
    crops = ((share, down, right) for share, (down, right) in product(SHARES, PLACES))
    views: list[View] = ["mirrored", *crops]
    whole = torch.cat([_unit(F.adaptive_avg_pool2d(part, SIDE)) for part in _floats(x, distinct)])
    for view in views:
        n = len(distinct) if view == "mirrored" else min(len(distinct), MAX_CROPPED)
        seen = torch.cat(
            [_unit(F.adaptive_avg_pool2d(_look(p, view), SIDE)) for p in _floats(x, distinct[:n])]
        )
        for i, j, ratio in _best(seen, whole[:n]):
            key = (min(i, j), max(i, j), True) if view == "mirrored" else (i, j, False)
            candidates[key] = min(candidates.get(key, (2.0, view)), (ratio, view), key=lambda found: found[0])
    likely = sorted(candidates.items(), key=lambda item: item[1][0])[:MAX_CANDIDATES]
    found: dict[tuple[int, int], Copy] = {}
    for (i, j, _), (_, view) in likely:
        a, b = int(distinct[i]), int(distinct[j])
        correlation = _align(x[a], x[b], view)
        pair = (min(a, b), max(a, b))
        if correlation >= MIN_CORRELATION and (pair not in found or found[pair].correlation < correlation):
            found[pair] = Copy(a, b, "mirrored" if view == "mirrored" else "cropped", correlation)
    return sorted(found.values(), key=lambda copy: -copy.correlation)


def _floats(x: Pixels, index: Int[np.ndarray, "m"]) -> Iterator[Float[Tensor, "b ch h w"]]:
    for i in range(0, len(index), 500):
        yield torch.from_numpy(x[index[i : i + 500]]).float() / 255


def _unit(x: Float[Tensor, "n *d"]) -> Float[Tensor, "n d"]:
    """Each image less its mean, of length 1; 0 of one without contrast."""
    flat = x.flatten(1)
    centred = flat - flat.mean(dim=1, keepdim=True)
    length = centred.norm(dim=1, keepdim=True)
    has_contrast = length > 0.01 * flat.shape[1] ** 0.5
    return torch.where(has_contrast, centred / length.clamp(min=1e-9), torch.zeros(()))


def _look(x: Float[Tensor, "b ch h w"], view: View) -> Float[Tensor, "b ch h w"]:
    return x.flip(-1) if view == "mirrored" else _crop(x, torch.tensor([view]).expand(len(x), 3))


def _crop(x: Float[Tensor, "b ch h w"], windows: Float[Tensor, "b 3"]) -> Float[Tensor, "b ch h w"]:
    """The part of each image in its window, at the size of the image."""
    share, down, right = windows.unbind(dim=1)
    zero = torch.zeros_like(share)
    rows = (share, zero, (2 * right - 1) * (1 - share)), (zero, share, (2 * down - 1) * (1 - share))
    theta = torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def _best(seen: Float[Tensor, "n d"], whole: Float[Tensor, "n d"]) -> Iterator[tuple[int, int, float]]:
    """Pairs (i, j), where j is far more like i in this view than the fifth best image is, and the ratio."""
    k = min(N_NEIGHBOURS, len(whole) - 1)
    for start in range(0, len(seen), 500):
        correlation = seen[start : start + 500] @ whole.T
        correlation.diagonal(start).fill_(-1.0)
        likely = (correlation.amax(dim=1) >= MIN_THUMBNAIL_CORRELATION).nonzero()[:, 0]
        values, index = correlation[likely].topk(k, dim=1)
        ratios = (1 - values[:, 0]) / (1 - values[:, -1]).clamp(min=1e-6)
        for row in (ratios <= MAX_RATIO).nonzero()[:, 0].tolist():
            yield start + int(likely[row]), int(index[row, 0]), float(ratios[row])


def _align(a: UInt8[np.ndarray, "ch h w"], b: UInt8[np.ndarray, "ch h w"], view: View) -> float:
    """The correlation of the pixels, for a crop with the window near `view` that makes it largest."""
    one, other = (torch.from_numpy(x)[None].float() / 255 for x in (a, b))
    target = _unit(other)[0]
    if view == "mirrored":
        return float(_unit(one.flip(-1))[0] @ target)
    best, centre = -1.0, torch.tensor(view)
    for step in (1.0, 0.5, 0.25, 0.12):
        if step < 0.5 and best < MIN_CORRELATION - 0.1:
            break  # it will not come near enough
        around = torch.tensor(list(product((-1, 0, 1), repeat=3))) * step * torch.tensor([0.05, 0.25, 0.25])
        low, high = torch.tensor([0.6, 0.0, 0.0]), torch.tensor([0.98, 1.0, 1.0])
        windows = (centre + around).clamp(low, high)
        found = _unit(_crop(one.expand(len(windows), -1, -1, -1), windows)) @ target
        if (value := float(found.max())) > best:
            best, centre = value, windows[int(found.argmax())]
    return best
