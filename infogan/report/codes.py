"""A section of the page for each code: it moving, the images at its ends, its figures, the verdict."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from infogan.evaluation import Score
from infogan.figures.traversal import traverse
from infogan.method.codes import Code
from infogan.method.model import Model
from infogan.report.chosen import around, lowest_and_highest, most_typical
from infogan.report.pictures import Picture, picture, sheet
from infogan.report.sample import Sample
from infogan.report.trust import Sign, Verdict, above_guessing, certainty, effective_number, use, verdict
from infogan.utils.rng import make_rng

ROWS, STEPS = 4, 10  # of a strip
ENDS = 12  # images at each end of a code, or around its circle
MEMBERS = (4, 24)  # the fewest and the most of a category that are shown
PIXELS = 1_000_000  # numbers in the pictures of all categories of a run, as much as makes a page of some MB


class Strip(NamedTuple):
    picture: Picture
    ticks: list[str]  # a column of images each


class Gallery(NamedTuple):
    """Some real images, and their names for those who look for the files."""

    title: str
    pictures: list[Picture]
    names: list[str]
    more: str = ""  # a remark


class Section(NamedTuple):
    """What the page says of one code."""

    id: str  # c1
    name: str  # as the person calls it, "" where nobody named it
    kind: str
    bound: float  # L_I in nats
    entropy: float  # H(c) in nats
    share: float | None  # L_I of H(c), for a discrete code
    ceiling: float | None  # of L_I, where it has one
    signs: Mapping[Sign, float | None]
    verdict: Verdict
    strip: Strip | None
    galleries: list[Gallery]
    effective: float | None  # how many categories are used
    empty: int


def make_section(
    model: Model,
    i: int,
    name: str,
    sample: Sample,
    scores: Mapping[str, Score],
    response: float,
    fixed_std: float | None,
    min_std: float,
) -> Section:
    """The section of code i, counted from 0.

    Args:
        scores: info_bound_c1, recovery_c1, stability_c1 ... of every code; a stability may be missing.
        response: as `trust.responses` gives it.
        fixed_std: of Q, for numbers, where it is not learned.
        min_std: the least that Q may claim where it is.
    """
    code, id = model.latent.codes[i], model.latent.names[i]
    values, spreads = sample.values[:, i], sample.spreads[:, i]
    prior_std = float(code.sample_value(100_000, make_rng(0, f"prior of {id}")).std())
    counts = _counts(values, code)
    stability = scores.get(f"stability_{id}")
    learned = fixed_std is None or code.kind != "number"
    signs: dict[Sign, float | None] = {
        "recovery": above_guessing(scores[f"recovery_{id}"]["value"], code),
        "response": response,
        "use": use(values, code, prior_std),
        "stability": above_guessing(stability["value"], code) if stability else None,
        "certainty": certainty(spreads, code, prior_std, min_std) if learned else None,
    }
    empty = sum(n == 0 for n in counts)
    bound = scores[f"info_bound_{id}"]["value"]
    shown = sample.x.dtype == np.uint8
    return Section(
        id=id,
        name=name,
        kind=_kind(code),
        bound=bound,
        entropy=code.entropy(),
        share=bound / code.entropy() if code.categories else None,
        ceiling=ceiling(code, fixed_std or min_std),
        signs=signs,
        verdict=verdict(signs, empty),
        strip=_strip(model, i, name, prior_std) if shown else None,
        galleries=_galleries(model, i, sample, counts, shown),
        effective=effective_number(counts) if counts else None,
        empty=empty,
    )


def members_shown(model: Model, categories: int) -> int:
    """How many of each category there is room for."""
    pixels = min(int(np.prod(model.G.shape)), 3 * 64 * 64)
    fewest, most = MEMBERS
    return max(fewest, min(most, PIXELS // (pixels * max(categories, 1))))


def _counts(values: Float[np.ndarray, "n"], code: Code) -> list[int]:
    if code.categories is None:
        return []
    return [int(n) for n in np.bincount(values.astype(int), minlength=code.categories)]


def ceiling(code: Code, least_std: float) -> float | None:
    """The L_I of a Q that is always right, in nats: of a category H(c); not known of an angle.

    Args:
        least_std: the standard deviation of a number that Q claims at the least.
    """
    if code.categories is not None:
        return code.entropy()
    if code.kind == "angle":
        return None
    return code.entropy() - math.log(least_std * math.sqrt(2 * math.pi))


def _kind(code: Code) -> str:
    if code.kind == "category":
        return f"a choice of {code.categories} categories"
    return {"number": "a number", "angle": "an angle"}[code.kind]


def _strip(model: Model, i: int, name: str, prior_std: float) -> Strip:
    """G's images as the code moves over what it was trained on: a uniform law ends at sqrt 3 of its std."""
    code, id = model.latent.codes[i], model.latent.names[i]
    reach = math.sqrt(3) * prior_std
    moved = traverse(model, i, rows=ROWS, steps=STEPS, low=-reach, high=reach)
    ticks = [_value(v, code) for v in moved.values.tolist()]
    alt = (
        f"{ROWS} rows of generated images; along each row {id} {name} moves from {ticks[0]} to {ticks[-1]} "
        "while all else stays"
    )
    return Strip(sheet(moved.images, alt), ticks)


def _value(value: float, code: Code) -> str:
    match code.kind:
        case "category":
            return f"{value:.0f}"
        case "number":
            return f"{value:+.1f}"
        case "angle":
            return f"{math.degrees(value):.0f}°"


def _galleries(model: Model, i: int, sample: Sample, counts: Sequence[int], shown: bool) -> list[Gallery]:
    code, id = model.latent.codes[i], model.latent.names[i]
    values, spreads = sample.values[:, i], sample.spreads[:, i]

    def gallery(title: str, chosen: Int[np.ndarray, "m"], notes: Sequence[str], more: str = "") -> Gallery:
        names = [sample.title(int(j)) for j in chosen]
        pictures = [
            picture(sample.x[j], f"{name}: {id} reads {_value(float(values[j]), code)}", note)
            for j, name, note in zip(chosen, names, notes, strict=True)
            if shown
        ]
        return Gallery(title, pictures, names, more)

    match code.kind:
        case "category":
            room = members_shown(model, sum(c.categories or 0 for c in model.latent.codes))
            made = []
            for k, n in enumerate(counts):
                chosen = most_typical(values, spreads, k, room)
                title = f"Category {k}: {n:,} {_images(n)}, {n / len(values):.1%}"
                made.append(gallery(title, chosen, [""] * len(chosen), _labels(sample, values == k)))
            return made
        case "number":
            low, high = lowest_and_highest(values, ENDS)
            return [
                gallery(f"Lowest on {id}", low, [f"{values[j]:+.2f}" for j in low]),
                gallery(f"Highest on {id}", high, [f"{values[j]:+.2f}" for j in high]),
            ]
        case "angle":
            angles = np.linspace(0, 2 * math.pi, ENDS, endpoint=False)
            chosen = around(values, angles)
            notes = [f"{math.degrees(values[j]):.0f}°" for j in chosen]
            return [gallery(f"Around the circle of {id}", chosen, notes)]


def _images(n: int) -> str:
    return "image" if n == 1 else "images"


def _labels(sample: Sample, member: np.ndarray) -> str:
    """The labels that are commonest among members, which training never saw."""
    if sample.labels is None or not member.any():
        return ""
    counts = Counter(sample.labels[member].tolist()).most_common(3)
    said = [f"{label} ({n / member.sum():.0%})" for label, n in counts if n / member.sum() >= 0.05]
    return f"Labels: {', '.join(said)}" if said else ""
