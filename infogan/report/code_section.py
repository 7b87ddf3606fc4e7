"""The section of the report about one code: a traversal, real images, its information and its reliability."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from infogan.evaluation import Score
from infogan.evaluation.evidence import Evidence
from infogan.evaluation.use_of_codes import adjusted_for_chance, confidence, mean_within, perplexity, usage
from infogan.figures.traversal import rows_of_traversal, traverse
from infogan.method.codes import Code
from infogan.method.model import Model
from infogan.method.objective import max_info_bound, with_best_std
from infogan.report.examples import Branch, example_branches, format_value
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
    parent: str | None  # the code that it is under
    bound: float  # L_I in nats; given the parent's category
    entropy: float  # H(c) in nats
    share: float | None  # L_I / H(c); None for a continuous code
    max_bound: float | None  # of L_I; None for an angle
    fixed_std: float | None  # of Q for a number; None if it is learned
    best_bound: float | None  # L_I with the std that fits best, if it is fixed
    criteria: Mapping[CriterionName, float | None]
    verdict: Verdict
    traversal: Traversal | None  # None for vectors
    branches: list[Branch]
    counts: Int[np.ndarray, "blocks k"] | None  # of real images in each category, under each of the parent
    perplexity: float | None  # the effective number of categories; None for a continuous code
    n_empty: int  # categories without a real image


def build_code_section(
    model: Model,
    i: int,
    name: str,
    categories: Mapping[str, Mapping[int, str]],
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
        categories: what categories are called, by code and category.
        fixed_std: of Q for a number, if it is not learned.
        min_std: of Q, if it is learned.
    """
    latent = model.latent
    code, id, parent = latent.codes[i], latent.names[i], latent.parents.get(i)
    values, n_blocks = sample.values[:, i], latent.n_blocks[i]
    block = np.zeros(len(values), int) if parent is None else sample.values[:, parent].astype(int)
    prior_std = float(code.sample_value(100_000, make_rng(0, f"prior of {id}")).std())
    counts = None
    if k := code.categories:
        cells = np.bincount(block * k + values.astype(int), minlength=n_blocks * k)
        counts = cells.reshape(n_blocks, k)
    n_empty = 0 if counts is None else int((counts == 0).sum())
    stability = scores.get(f"stability_{id}")
    fixed_std = fixed_std if code.kind == "number" else None
    criteria: dict[CriterionName, float | None] = {
        "recovery": adjusted_for_chance(scores[f"recovery_{id}"]["value"], code),
        "sensitivity": sensitivity,
        "usage": mean_within(block, lambda rows: usage(values[rows], code, prior_std)),
        "stability": adjusted_for_chance(stability["value"], code) if stability else None,
        "confidence": None if fixed_std else confidence(sample.spreads[:, i], code, prior_std, min_std),
    }
    if code.categories is None:
        criteria |= {name: scores[f"{name}_{id}"]["value"] for name in OF_CONTINUOUS}
    bound = scores[f"info_bound_{id}"]["value"]
    return CodeSection(
        id=id,
        name=name,
        kind=_kind(code) + ("" if parent is None else f" under each category of {latent.names[parent]}"),
        parent=None if parent is None else latent.names[parent],
        bound=bound,
        entropy=code.entropy(),
        share=bound / code.entropy() if code.categories else None,
        max_bound=max_info_bound(code, fixed_std or min_std),
        fixed_std=fixed_std,
        best_bound=with_best_std(bound, code.entropy(), fixed_std)[0] if fixed_std else None,
        criteria=criteria,
        verdict=judge(criteria, evidence, n_empty),
        traversal=_traversal(model, i, name, prior_std, categories) if sample.has_pictures else None,
        branches=example_branches(latent, i, sample, categories),
        counts=counts,
        perplexity=None
        if counts is None
        else mean_within(block, lambda rows: perplexity(counts[block[rows][0]])),
        n_empty=n_empty,
    )


def _kind(code: Code) -> str:
    if code.categories:
        return f"one of {code.categories} categories"
    return {"number": "a number", "angle": "an angle"}[code.kind]


def _traversal(
    model: Model, i: int, name: str, prior_std: float, categories: Mapping[str, Mapping[int, str]]
) -> Traversal:
    """G's images over the range of the prior: a uniform one ends at sqrt(3) standard deviations.

    Along the rows; if the code is under a category, down the columns, one for each of its categories.
    """
    latent = model.latent
    code, id = latent.codes[i], latent.names[i]
    end = math.sqrt(3) * prior_std
    rows = rows_of_traversal(model, i, N_ROWS)
    images, values = traverse(model, i, rows=rows, steps=N_STEPS, low=-end, high=end)
    ticks = _called([format_value(v, code) for v in values.tolist()], categories.get(id, {}))
    changes = f"only {f'{id} {name}'.strip()} changes, from {ticks[0]} to {ticks[-1]}"
    if i not in latent.parents:
        alt = f"{rows} rows of generated images; along each row {changes}"
        return Traversal(inline_grid(images, alt), ticks)
    parent = latent.names[latent.parents[i]]
    alt = f"generated images, a column for each category of {parent}; down each column {changes}"
    of_parent = _called([str(k) for k in range(rows)], categories.get(parent, {}))
    return Traversal(inline_grid(images.swapaxes(0, 1), alt), of_parent)


def _called(ticks: list[str], names: Mapping[int, str]) -> list[str]:
    """Labels below the columns; those of categories with a name are replaced by it."""
    return [names.get(k, tick) for k, tick in enumerate(ticks)]
