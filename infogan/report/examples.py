"""Real images that show what a code means: those at its ends, typical members, those around its circle."""

import math
from collections import Counter
from collections.abc import Sequence
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


def example_galleries(
    latent: Latent, i: int, sample: Sample, categories: Sequence[str] = ()
) -> list[Gallery]:
    """The galleries of code i, counted from 0: one per category, both ends of a number, or one circle.

    Args:
        categories: what the first categories are called.
    """
    code, name = latent.codes[i], latent.names[i]
    values, spreads = sample.values[:, i], sample.spreads[:, i]

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
            n_members = _members_per_category(sample, sum(c.categories or 0 for c in latent.codes))
            galleries = []
            for k in range(code.categories or 0):
                is_member = values == k
                n, index = int(is_member.sum()), most_confident(values, spreads, k, n_members)
                called = f" ({categories[k]})" if k < len(categories) else ""
                title = (
                    f"Category {k}{called}: {n:,} {'image' if n == 1 else 'images'}, {n / len(values):.1%}"
                )
                remark = _most_common_labels(sample, is_member)
                galleries.append(gallery(title, index, [""] * len(index), remark))
            return galleries
        case "number":
            low, high = lowest_and_highest(values, N_ENDS)
            return [
                gallery(f"Lowest {name}", low, [f"{values[j]:+.2f}" for j in low]),
                gallery(f"Highest {name}", high, [f"{values[j]:+.2f}" for j in high]),
            ]
        case "angle":
            index = nearest_to_angles(values, np.linspace(0, 2 * math.pi, N_ENDS, endpoint=False))
            captions = [format_value(float(values[j]), code) for j in index]
            return [gallery(f"Around the circle of {name}", index, captions)]


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


def _most_common_labels(sample: Sample, is_member: np.ndarray) -> str:
    if sample.labels is None or not is_member.any():
        return ""
    counts = Counter(map(sample.labels.name, sample.labels.numbers[is_member].tolist())).most_common(3)
    shares = [(label, n / is_member.sum()) for label, n in counts]
    listed = [f"{label} ({share:.0%})" for label, share in shares if share >= 0.05]
    return f"Labels: {', '.join(listed)}" if listed else ""
