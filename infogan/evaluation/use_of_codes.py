"""Scores of how far G responds to a code, and how far Q and real images use it."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.special import i0e, i1e

from infogan.method.codes import Code
from infogan.method.model import Model

N_PAIRS = 512  # of generated images that are compared for the sensitivity


def adjusted_for_chance(agreement: float, code: Code) -> float:
    """An agreement rescaled so that chance, 1 / k for k categories, becomes 0 and 1 stays 1."""
    if code.categories is None:
        return agreement
    chance = 1 / code.categories
    return max(0.0, (agreement - chance) / (1 - chance))


def sensitivity(model: Model, rng: torch.Generator) -> Float[np.ndarray, "L"]:
    """Mean pixel change if one code is resampled, divided by the change if z and all codes are.

    All codes are resampled in the denominator, as G may ignore z, or have none.
    """
    latent = model.latent
    values, z = model.sample_values(N_PAIRS, rng), latent.sample_z(N_PAIRS, rng)
    x = model.decode(values, z).astype(np.float32)
    unrelated = model.decode(model.sample_values(N_PAIRS, rng), latent.sample_z(N_PAIRS, rng))
    difference = float(np.abs(unrelated - x).mean())
    found = []
    for i, code in enumerate(latent.codes):
        changed = values.clone()
        changed[:, i] = code.sample_value(N_PAIRS, rng)
        differs = (changed[:, i] != values[:, i]).numpy()
        change = np.abs(model.decode(changed, z)[differs] - x[differs])
        found.append(float(change.mean()) / max(difference, 1e-9) if differs.any() else 0.0)
    return np.array(found, dtype=float)


def confidence(spreads: Float[np.ndarray, "n"], code: Code, prior_std: float, min_std: float) -> float:
    """1 - (u - u_min) / (u_prior - u_min), in [0, 1], with u the median uncertainty of Q on these images.

    u of a category is the probability of all others, and of a number the standard deviation. Of an angle it
    is the circular variance 1 - R = 1 - exp(-s^2 / 2), where R is the mean resultant length and
    s = sqrt(-2 ln R) the circular standard deviation, which has no upper bound. u_prior is 1 for a uniform
    angle. u_min is the smallest that Q can claim; of an angle, that of a von Mises distribution with
    kappa = 1 / min_std^2.
    """
    median = float(np.median(spreads))
    match code.kind:
        case "category":
            u, u_min, u_prior = median, 0.0, 1 - 1 / (code.categories or 2)
        case "number":
            u, u_min, u_prior = median, min_std, prior_std
        case "angle":
            kappa = 1 / min_std**2
            u, u_min, u_prior = -np.expm1(-(median**2) / 2), 1 - i1e(kappa) / i0e(kappa), 1.0
    return float(np.clip(1 - (u - u_min) / max(u_prior - u_min, 1e-9), 0, 1))


def mean_within(groups: Int[np.ndarray, "n"], measure: Callable[[Int[np.ndarray, "m"]], float]) -> float:
    """The mean of a measure of rows over groups of rows, weighted by their size."""
    parts = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    return sum(len(rows) / len(groups) * measure(rows) for rows in parts)


def perplexity(counts: Int[np.ndarray, "k"]) -> float:
    """exp of the entropy of the shares: k for k equally frequent categories, 1 for a single one."""
    shares = counts[counts > 0] / max(counts.sum(), 1)
    return float(np.exp(-(shares * np.log(shares)).sum()))


def usage(values: Float[np.ndarray, "n"], code: Code, prior_std: float) -> float:
    """How widely real images spread over a code, 1 for as widely as the prior.

    Of a category (exp H - 1) / (k - 1), H the entropy of the shares; of a number its standard deviation over
    that of the prior; of an angle the circular variance.
    """
    match code.kind:
        case "category":
            k = code.categories or 2
            return (perplexity(np.bincount(values.astype(int), minlength=k)) - 1) / max(k - 1, 1)
        case "number":
            return float(values.std() / prior_std)
        case "angle":
            return float(1 - abs(np.exp(1j * values).mean()))
