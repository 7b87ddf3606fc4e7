"""Alignment, isolation, readability and uniqueness of each continuous code, and the smallest of them.

n = contexts, m = steps of a code, L = codes, r = real images; s = the contexts of a resample.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int

from infogan.data.images import as_pixels
from infogan.evaluation.consistency import agreement
from infogan.evaluation.control.effects import (
    N_CONTEXTS,
    N_PRIOR,
    N_STEPS,
    Effect,
    Effects,
    FeatureSpaces,
    measure_effects,
)
from infogan.evaluation.score import Score, make_score, sample_halves
from infogan.method.codes import Code
from infogan.method.latent import Latent
from infogan.method.model import Model, Pictures

N_REAL = 1_000  # real images are enough
N_Z = 2  # images generated from the codes of each
N_RESAMPLES = 50
Contexts = Int[np.ndarray, "s"]

PARTS = {
    "alignment": "how alike the changes of G's images are in different contexts: the resultant length, of "
    "moments, of 8 x 8 pixels or of motions; random signs stay below 0.2",
    "isolation": "1 - the largest movement of Q's reading of another code, in standard deviations of that "
    "code, less the movement as z is drawn again; 0 if it moves as if drawn anew",
    "readability": "absolute correlation of the code and Q's reading of G's image, or, if smaller, of Q's "
    "readings of a real image and of one generated from its codes; chance is below 0.1",
    "uniqueness": "1 - the largest similarity of the changes of G's images by another continuous code; 1 if "
    "it is that of unrelated changes",
}
CONTROL_SCORES = (*PARTS, "control")


class RoundTrip(NamedTuple):
    """The codes of real images, and of images generated from these codes."""

    before: Float[np.ndarray, "k r L"]
    after: Float[np.ndarray, "k r L"]


def control_scores(model: Model, real: Pictures, rng: torch.Generator) -> dict[str, Score]:
    """`alignment_c2` ..., the other PARTS, and `control_c2` ..., the smallest, of every continuous code.

    All are in [0, 1] and 1 at best. The intervals are over the contexts and the real images.
    """
    latent = model.latent
    effects = measure_effects(model, FeatureSpaces.of_images(real), rng)
    trip = round_trip(model, real, rng)
    spreads = prior_spreads(latent, rng)
    halves_rng = np.random.default_rng(0)
    samples = [
        (np.arange(N_CONTEXTS), np.arange(len(real))),
        *zip(
            sample_halves(N_CONTEXTS, N_RESAMPLES, halves_rng),
            sample_halves(len(real), N_RESAMPLES, halves_rng),
            strict=True,
        ),
    ]
    scores: dict[str, Score] = {}
    for i, effect in effects.of_code.items():
        aligned, isolated = alignment(effect), isolation(i, effects, latent, spreads)
        unique = uniqueness(i, effects)
        parts: dict[str, list[float]] = {
            "alignment": [aligned(s) for s, _ in samples],
            "isolation": [isolated(s) for s, _ in samples],
            "readability": [readability(i, latent.codes[i], effect, trip, s, r) for s, r in samples],
            "uniqueness": [unique(s) for s, _ in samples],
        }
        how = f"{N_CONTEXTS} contexts, {N_STEPS} values; Q with running statistics of batch norm"
        parts["control"] = [min(values) for values in zip(*parts.values(), strict=True)]
        for name, (value, *resamples) in parts.items():
            definition = PARTS.get(name, f"the smallest of {', '.join(PARTS)}")
            protocol = f"{definition}; {how}; {len(real):,} real images"
            scores[f"{name}_{latent.names[i]}"] = make_score(value, resamples, protocol)
    return scores


def alignment(effect: Effect) -> Callable[[Contexts], float]:
    """The resultant length of the changes of G's images, in the feature space where it is largest.

    For contexts a and b of a group with changes u_a and u_b of length 1 and weights w it is

        sqrt(max(0, mean_{a != b} u_a . u_b)),    the mean weighted by w_a w_b

    which estimates |E[u]| without the bias of |mean_a u_a|, whose mean is 1 / sqrt(n) for random signs. For
    one moment it is 2 p - 1, where p is the share of contexts with the commoner sign. Weights are 1 but for
    motions: there, the share of the change that the motion explains.
    """
    spaces = [(u, np.ones(len(u))) for u in effect.changes]
    if effect.motion is not None:
        spaces.append((effect.motion.steps, effect.motion.share))
    weighted = [(np.einsum("a,b,apd,bpd->ab", w, w, u, u, optimize=True), np.outer(w, w)) for u, w in spaces]

    def of_contexts(s: Contexts) -> float:
        group = effect.groups[s]
        is_pair = (group[:, None] == group) & ~np.eye(len(s), dtype=bool)
        cosines = [
            gram[np.ix_(s, s)][is_pair].sum() / max(weights[np.ix_(s, s)][is_pair].sum(), 1e-9)
            for gram, weights in weighted
        ]
        return float(np.sqrt(max(0.0, *cosines)))

    return of_contexts


def isolation(
    i: int, effects: Effects, latent: Latent, spreads: Float[np.ndarray, "L"]
) -> Callable[[Contexts], float]:
    """1 - max_j sqrt((V_j - N_j) / S_j), at least 0, over the other codes j.

    V_j is the variance of Q's reading of code j within a context as code i varies, N_j the same as z is drawn
    again, S_j the variance of the prior. The variance of a category is Gini's, of an angle 1 - R^2.
    """
    moved, noise = (spread_of_readings(latent, read) for read in (effects.of_code[i].read, effects.read))
    others = np.arange(len(latent.codes)) != i

    def of_contexts(s: Contexts) -> float:
        excess = (moved[s].mean(axis=0) - noise[s].mean(axis=0)) / spreads
        return float(1 - np.sqrt(np.clip(excess[others].max(initial=0.0), 0, 1)))

    return of_contexts


def readability(
    i: int, code: Code, effect: Effect, trip: RoundTrip, s: Contexts, r: Int[np.ndarray, "_"]
) -> float:
    """The smaller agreement: of the code drawn and Q's reading, and of the two readings of a round trip."""
    generated = agreement(effect.values[s].ravel(), effect.read[s, :, i].ravel(), code.kind)
    real = agreement(trip.before[:, r, i].ravel(), trip.after[:, r, i].ravel(), code.kind)
    return min(generated, real)


def uniqueness(i: int, effects: Effects) -> Callable[[Contexts], float]:
    """1 - max_j sqrt((RV_ij - C_i) / (1 - C_i)), at least 0, over the other continuous codes j.

    RV is the mean over contexts of Robert and Escoufier's coefficient (1976) of the two changes, each that of
    the moments and that of the pixels side by side: the squared cosine, if both codes are numbers. C is that
    of the change by code i and the difference of two unrelated images.
    """
    change = np.concatenate(effects.of_code[i].changes, axis=2)
    difference = np.concatenate(effects.unrelated, axis=1)[:, None]
    chance = rv_coefficients(change, difference)
    others = [
        rv_coefficients(change, np.concatenate(other.changes, axis=2))
        for j, other in effects.of_code.items()
        if j != i
    ]

    def of_contexts(s: Contexts) -> float:
        C = chance[s].mean()
        largest = max((float(rv[s].mean()) for rv in others), default=0.0)
        return float(1 - np.sqrt(np.clip((largest - C) / max(1 - C, 1e-9), 0, 1)))

    return of_contexts


def rv_coefficients(a: Float[np.ndarray, "n p d"], b: Float[np.ndarray, "n q d"]) -> Float[np.ndarray, "n"]:
    """norm(a b^T)^2 / (norm(a a^T) norm(b b^T)) in every context; 0 if one of them is 0."""
    shared, own_a, own_b = (
        np.square(x @ y.transpose(0, 2, 1)).sum(axis=(1, 2)) for x, y in ((a, b), (a, a), (b, b))
    )
    own = np.sqrt(own_a * own_b)
    rv: np.ndarray = np.divide(shared, own, out=np.zeros_like(own), where=own > 1e-9)
    return rv


def round_trip(model: Model, real: Pictures, rng: torch.Generator) -> RoundTrip:
    """Real images -> Q -> G, with two draws of z -> Q."""
    values = model.encode(as_pixels(real)).values
    again = [
        model.encode(as_pixels(model.decode(values, model.latent.sample_z(len(real), rng)))).values.numpy()
        for _ in range(N_Z)
    ]
    before = np.broadcast_to(values.numpy(), (N_Z, *values.shape))
    return RoundTrip(before.astype(float), np.stack(again).astype(float))


def prior_spreads(latent: Latent, rng: torch.Generator) -> Float[np.ndarray, "L"]:
    """The variance of each code under its prior, in the units of `spread_of_readings`."""
    values = torch.stack([code.sample_value(N_PRIOR, rng) for code in latent.codes], dim=1)
    (spreads,) = spread_of_readings(latent, values.numpy().astype(float)[None])
    return np.asarray(spreads)


def spread_of_readings(latent: Latent, read: Float[np.ndarray, "n m L"]) -> Float[np.ndarray, "n L"]:
    """The variance over m values of each code as G takes it, summed over its columns, in each of n contexts.

    So it is the share of unequal pairs of a category with one-hot columns, and 1 - R^2 of an angle but for
    the factor m / (m - 1).
    """
    columns = []
    for code, values in zip(latent.codes, np.moveaxis(read, 2, 0), strict=True):
        embedded = code.embed(torch.from_numpy(values.ravel())).reshape(*values.shape, -1)
        columns.append(embedded.var(dim=1, correction=1).sum(dim=1).numpy())
    return np.stack(columns, axis=1)
