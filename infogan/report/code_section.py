"""The section of the report about one code: a traversal, real images, its information and its reliability."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from infogan.evaluation import Score
from infogan.evaluation.evidence import Evidence
from infogan.evaluation.use_of_codes import adjusted_for_chance, confidence, perplexity, usage
from infogan.figures.traversal import traverse
from infogan.method.model import Model
from infogan.method.objective import max_info_bound, with_best_std
from infogan.report.examples import Gallery, example_galleries, format_value
from infogan.report.inline_images import InlineImage, inline_grid
from infogan.report.reliability import (
    OF_CONTINUOUS,
    CriterionName,
    Verdict,
    judge,
)
from infogan.report.sample import Sample
from infogan.utils.rng import make_rng

N_ROWS, N_STEPS = 4, 10  # of a traversal


class Traversal(NamedTuple):
    """Generated images, one column per value of the code."""

    image: InlineImage
    ticks: list[str]


class CodeSection(NamedTuple):
    """What the report says about one code."""

    id: str  # c1
    name: str  # given by the user; "" if there is none
    kind: str
    bound: float  # L_I in nats
    entropy: float  # H(c) in nats
    share: float | None  # L_I / H(c); None for a continuous code
    max_bound: float | None  # of L_I; None for an angle
    fixed_std: float | None  # of Q for a number; None if it is learned
    best_bound: float | None  # L_I with the std that fits best, if it is fixed
    criteria: Mapping[CriterionName, float | None]
    verdict: Verdict
    traversal: Traversal | None  # None for vectors
    galleries: list[Gallery]
    perplexity: float | None  # the effective number of categories; None for a continuous code
    n_empty: int  # categories without a real image


def build_code_section(
    model: Model,
    i: int,
    name: str,
    categories: Sequence[str],
    sample: Sample,
    scores: Mapping[str, Score],
    sensitivity: float,
    evidence: Evidence,
    fixed_std: float | None,
    min_std: float,
) -> CodeSection:
    """The section of code i, counted from 0.

    Args:
        scores: info_bound_c1, recovery_c1, stability_c1 ... of every code, and alignment_c2 ... of every
            continuous one; stability may be missing.
        sensitivity: of the code, as `use_of_codes.sensitivity` returns it for all.
        evidence: for the code, beside the scores of its own model.
        categories: what the first categories of the code are called.
        fixed_std: of Q for a number, if it is not learned.
        min_std: of Q, if it is learned.
    """
    code, id = model.latent.codes[i], model.latent.names[i]
    values = sample.values[:, i]
    prior_std = float(code.sample_value(100_000, make_rng(0, f"prior of {id}")).std())
    counts = np.bincount(values.astype(int), minlength=code.categories) if code.categories else np.array([])
    n_empty = int((counts == 0).sum())
    stability = scores.get(f"stability_{id}")
    fixed_std = fixed_std if code.kind == "number" else None
    criteria: dict[CriterionName, float | None] = {
        "recovery": adjusted_for_chance(scores[f"recovery_{id}"]["value"], code),
        "sensitivity": sensitivity,
        "usage": usage(values, code, prior_std),
        "stability": adjusted_for_chance(stability["value"], code) if stability else None,
        "confidence": None if fixed_std else confidence(sample.spreads[:, i], code, prior_std, min_std),
    }
    if code.categories is None:
        criteria |= {name: scores[f"{name}_{id}"]["value"] for name in OF_CONTINUOUS}
    bound = scores[f"info_bound_{id}"]["value"]
    return CodeSection(
        id=id,
        name=name,
        kind=f"one of {code.categories} categories"
        if code.categories
        else {"number": "a number", "angle": "an angle"}[code.kind],
        bound=bound,
        entropy=code.entropy(),
        share=bound / code.entropy() if code.categories else None,
        max_bound=max_info_bound(code, fixed_std or min_std),
        fixed_std=fixed_std,
        best_bound=with_best_std(bound, code.entropy(), fixed_std)[0] if fixed_std else None,
        criteria=criteria,
        verdict=judge(criteria, evidence, n_empty),
        traversal=_traversal(model, i, name, prior_std, categories) if sample.has_pictures else None,
        galleries=example_galleries(model.latent, i, sample, categories),
        perplexity=perplexity(counts) if code.categories else None,
        n_empty=n_empty,
    )


def _traversal(model: Model, i: int, name: str, prior_std: float, categories: Sequence[str]) -> Traversal:
    """G's images over the range of the prior: a uniform one ends at sqrt(3) standard deviations."""
    code, id = model.latent.codes[i], model.latent.names[i]
    end = math.sqrt(3) * prior_std
    images, values = traverse(model, i, rows=N_ROWS, steps=N_STEPS, low=-end, high=end)
    ticks = [format_value(v, code) for v in values.tolist()]
    ticks = [*categories, *ticks[len(categories) :]]
    alt = (
        f"{N_ROWS} rows of generated images; along each row only {f'{id} {name}'.strip()} changes, "
        f"from {ticks[0]} to {ticks[-1]}"
    )
    return Traversal(inline_grid(images, alt), ticks)
