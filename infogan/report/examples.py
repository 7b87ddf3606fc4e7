"""Real images that show what a code means: those at its ends, typical members, those around its circle."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from infogan.method.codes import Code
from infogan.method.latent import Latent
from infogan.report.inline_images import InlineImage, inline_image
from infogan.report.sample import Sample

N_ENDS = 12  # images at each end of a number, and around the circle of an angle
MIN_MEMBERS, MAX_MEMBERS = 4, 24  # shown of each category
MAX_PIXELS = 1_000_000  # in the images of all categories, so that the page stays at a few MB


class Gallery(NamedTuple):
    """Some real images, and their names."""

    title: str
    images: list[InlineImage]
    names: list[str]
    remark: str = ""


class Branch(NamedTuple):
    """The galleries of a code; if it is under a category, those of one of the categories."""

    title: str  # "" if the code is under none
    galleries: list[Gallery]
    remark: str = ""


def example_branches(
    latent: Latent, i: int, sample: Sample, categories: Mapping[str, Mapping[int, str]]
) -> list[Branch]:
    """The galleries of code i, counted from 0, in one branch, or in one for each category that it is under.

    Args:
        categories: what categories are called, by code and category.
    """
    if i not in latent.parents:
        called = categories.get(latent.names[i], {})
        return [Branch("", example_galleries(latent, i, sample, called))]
    parent = latent.parents[i]
    name, branches = latent.names[parent], []
    for k in range(latent.n_blocks[i]):
        is_member = sample.values[:, parent] == k
        title = _title(k, categories.get(name, {}), int(is_member.sum()), len(is_member), f" of {name}")
        galleries = example_galleries(latent, i, sample, {}, np.flatnonzero(is_member))
        branches.append(Branch(title, galleries, _most_common_labels(sample, is_member)))
    return branches


def example_galleries(
    latent: Latent,
    i: int,
    sample: Sample,
    categories: Mapping[int, str] = MappingProxyType({}),
    among: Int[np.ndarray, "m"] | None = None,
) -> list[Gallery]:
    """The galleries of code i, counted from 0: one per category, both ends of a number, or one circle.

    Args:
        categories: what categories are called.
        among: the images to choose from; by default all.
    """
    code, name = latent.codes[i], latent.names[i]
    values, spreads = sample.values[:, i], sample.spreads[:, i]
    among = np.arange(len(values)) if among is None else among

    def gallery(
        title: str, index: Int[np.ndarray, "m"], captions: Sequence[str], remark: str = ""
    ) -> Gallery:
        titles = [sample.title(int(j)) for j in index]
        images = [
            inline_image(sample.x[j], f"{title_j}: {name} is {format_value(float(values[j]), code)}", caption)
            for j, title_j, caption in zip(index, titles, captions, strict=True)
            if sample.has_pictures
        ]
        return Gallery(title, images, titles, remark)

    match code.kind:
        case "category":
            sizes = zip(latent.n_blocks, latent.codes, strict=True)
            n_members = _members_per_category(sample, sum(n * (c.categories or 0) for n, c in sizes))
            galleries = []
            for k in range(code.categories or 0):
                members = among[values[among] == k]
                index = members[most_confident(values[members], spreads[members], k, n_members)]
                title = _title(k, categories, len(members), len(among))
                remark = _most_common_labels(sample, members)
                galleries.append(gallery(title, index, [""] * len(index), remark))
            return galleries
        case "number":
            low, high = (among[end] for end in lowest_and_highest(values[among], N_ENDS))
            return [
                gallery(f"Lowest {name}", low, [f"{values[j]:+.2f}" for j in low]),
                gallery(f"Highest {name}", high, [f"{values[j]:+.2f}" for j in high]),
            ]
        case "angle":
            if not len(among):
                return [gallery(f"Around the circle of {name}", among, [])]
            index = among[
                nearest_to_angles(values[among], np.linspace(0, 2 * math.pi, N_ENDS, endpoint=False))
            ]
            captions = [format_value(float(values[j]), code) for j in index]
            return [gallery(f"Around the circle of {name}", index, captions)]


def _title(k: int, categories: Mapping[int, str], n: int, n_all: int, of: str = "") -> str:
    called = f" ({categories[k]})" if k in categories else ""
    return f"Category {k}{of}{called}: {n:,} {'image' if n == 1 else 'images'}, {n / max(n_all, 1):.1%}"


def lowest_and_highest(
    values: Float[np.ndarray, "n"], max_images: int
) -> tuple[Int[np.ndarray, "m"], Int[np.ndarray, "m"]]:
    """The indices of the images at both ends, the most extreme first; no image is at both."""
    order = np.argsort(values, kind="stable")
    m = min(max_images, len(order) // 2)
    return order[:m], order[::-1][:m]


def most_confident(
    values: Float[np.ndarray, "n"], spreads: Float[np.ndarray, "n"], category: int, max_images: int
) -> Int[np.ndarray, "m"]:
    """The indices of a category's members of which Q is most confident, the highest confidence first."""
    members = np.flatnonzero(values == category)
    return members[np.argsort(spreads[members], kind="stable")][:max_images]


def nearest_to_angles(values: Float[np.ndarray, "n"], angles: Float[np.ndarray, "m"]) -> Int[np.ndarray, "m"]:
    """The index of the image nearest to each angle."""
    distances = np.abs(np.angle(np.exp(1j * (values[None] - angles[:, None]))))
    nearest: Int[np.ndarray, m] = distances.argmin(axis=1)
    return nearest


def format_value(value: float, code: Code) -> str:
    match code.kind:
        case "category":
            return f"{value:.0f}"
        case "number":
            return f"{value:+.1f}"
        case "angle":
            return f"{math.degrees(value):.0f}°"


def _members_per_category(sample: Sample, n_categories: int) -> int:
    pixels = min(int(np.prod(sample.x.shape[1:])), 3 * 64 * 64)
    return max(MIN_MEMBERS, min(MAX_MEMBERS, MAX_PIXELS // (pixels * max(n_categories, 1))))


def _most_common_labels(sample: Sample, members: np.ndarray) -> str:
    """Of these images, given by their indices or by a mask."""
    if sample.labels is None:
        return ""
    numbers = sample.labels.numbers[members].tolist()
    counts = Counter(map(sample.labels.name, numbers)).most_common(3)
    shares = [(label, n / len(numbers)) for label, n in counts]
    listed = [f"{label} ({share:.0%})" for label, share in shares if share >= 0.05]
    return f"Labels: {', '.join(listed)}" if listed else ""
