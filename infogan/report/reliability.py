"""How reliable a code is: criteria with two thresholds each, and the verdict.

The thresholds are rules of thumb, not statistical tests. They separate codes that clearly work from codes
that clearly do not; look at those in between.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, final

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.special import i0e, i1e

from infogan.method.codes import Code
from infogan.method.model import Model

N_PAIRS = 512  # of generated images that are compared for the sensitivity

CriterionName = Literal[
    "recovery",
    "stability",
    "sensitivity",
    "confidence",
    "usage",
    "alignment",
    "isolation",
    "readability",
    "uniqueness",
]
OF_CONTINUOUS: tuple[CriterionName, ...] = ("alignment", "isolation", "readability", "uniqueness")


class Criterion(NamedTuple):
    """A measure of about 0 at worst and 1 at best: not reliable below `lower`, doubtful below `upper`."""

    lower: float
    upper: float
    summary: str
    definition: str
    reason: str  # for the thresholds
    failure: str  # the sentence about a code below a threshold


CRITERIA: Mapping[CriterionName, Criterion] = {
    "recovery": Criterion(
        0.5,
        0.8,
        "of the code, from G's images",
        "how well Q recovers the code that made a generated image: 0 is chance, 1 is perfect",
        "below a half, most of what the code sets is lost",
        "Q does not recover it well from G's own images",
    ),
    "sensitivity": Criterion(
        0.02,
        0.1,
        "of G's images to the code",
        "the mean difference of a pixel if only this code is sampled again, over that of two unrelated "
        "generated images",
        "a change of a fiftieth is invisible; a small but real change, such as a smile, may be a tenth",
        "G hardly responds to it",
    ),
    "usage": Criterion(
        0.1,
        0.5,
        "of its range by real images",
        "how widely real images spread over the code, compared with its prior: for a number, the standard "
        "deviation over the prior's; for an angle, the circular variance; for categories, their effective "
        "number less one over their number less one (the effective number is the exponential of the entropy "
        "of the shares)",
        "if all real images have the same value, the code says nothing about them",
        "real images use little of its range",
    ),
    "stability": Criterion(
        0.0,
        0.8,
        "if an image is shifted by one pixel",
        "how well the code of a real image agrees with that of the same image shifted by one pixel: 0 is "
        "chance, 1 is unchanged",
        "to a person, the shifted image is the same image; for images of 8 × 8 pixels the test is hard",
        "shifting a real image by one pixel changes it",
    ),
    "confidence": Criterion(
        0.0,
        0.5,
        "of Q, on real images",
        "1 - (u - u_min) / (u_guess - u_min), where u is Q's median uncertainty on real images, u_guess "
        "that of a guess and u_min the smallest that Q can claim; the uncertainty of a category is the "
        "probability of all others, of a number the standard deviation, of an angle the circular variance; "
        "not known if Q's standard deviation is fixed",
        "at a half, Q is still half as uncertain as the prior",
        "Q is not confident of it on real images",
    ),
    "alignment": Criterion(
        0.5,
        0.8,
        "of its effects in different images",
        "how alike the changes of G's images are, as the code moves over its range in 100 contexts: 0 is "
        "chance, 1 is the same change in all; for a change of one quantity, such as the slant, twice the "
        "share of contexts with the commoner direction, less one",
        "at a half, a quarter of the images change in the opposite direction; at 0.8, a tenth",
        "it changes different images in different ways",
    ),
    "isolation": Criterion(
        0.5,
        0.8,
        "from the other codes",
        "1 - the largest movement of Q's reading of another code as this one moves, in standard deviations "
        "of that code, less the movement as z is drawn again",
        "at a half, another code moves half as far as if it were drawn anew",
        "another code moves with it",
    ),
    "readability": Criterion(
        0.5,
        0.8,
        "off generated and real images",
        "how well Q's reading of a generated image agrees with its code, or, if that is worse, Q's reading "
        "of a real image with that of an image generated from the codes of the real one: 0 is chance",
        "as for the recovery",
        "Q does not read it well off images",
    ),
    "uniqueness": Criterion(
        0.3,
        0.6,
        "of its effect",
        "1 - the similarity of the changes of G's images to those by the most similar other continuous "
        "code: 1 if they are as different as unrelated changes",
        "two codes that slant digits have 0.24, a slant and a rotation 0.45, the codes of untrained networks "
        "0.63 or more",
        "another code changes images in the same way",
    ),
}

VERDICTS = ("not reliable", "doubtful", "reliable")


@final
@dataclass(frozen=True)
class Verdict:
    """One of VERDICTS, and the reasons against the code."""

    word: str
    reasons: tuple[str, ...]


def judge(criteria: Mapping[CriterionName, float | None], n_empty: int = 0) -> Verdict:
    """The verdict of the worst of these criteria; those that are None are not known, and ignored.

    Args:
        n_empty: categories without a real image; any makes the code doubtful.
    """
    level = 2
    reasons: list[str] = []
    for name, criterion in CRITERIA.items():
        value = criteria.get(name)
        if value is None or value >= criterion.upper:
            continue
        level = min(level, 0 if value < criterion.lower else 1)
        reasons.append(f"{criterion.failure} ({name} {value:.2f})")
    if n_empty:
        level = min(level, 1)
        reasons.append(f"no real image is in {n_empty} of its categories")
    return Verdict(VERDICTS[level], tuple(reasons))


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
    """How widely real images spread over a code, 1 for as widely as the prior; defined in CRITERIA."""
    match code.kind:
        case "category":
            k = code.categories or 2
            return (perplexity(np.bincount(values.astype(int), minlength=k)) - 1) / max(k - 1, 1)
        case "number":
            return float(values.std() / prior_std)
        case "angle":
            return float(1 - abs(np.exp(1j * values).mean()))
