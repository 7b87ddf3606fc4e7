"""Whether a code is worth trusting: five signs, two thresholds a sign, and the sentence that follows.

The thresholds are rules of thumb, not tests: they sort codes that plainly work from codes that plainly do
not, and what lies between is looked at by eye.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, final

import numpy as np
import torch
from jaxtyping import Float

from infogan.method.codes import Code
from infogan.method.model import Model

PAIRS = 512  # images that are made twice, to see what a change does to them

Sign = Literal["recovery", "stability", "response", "certainty", "use"]


class Rule(NamedTuple):
    """Below `usable` a code is not worth it, below `trusted` it wants care; all signs lie near [0, 1]."""

    usable: float
    trusted: float
    short: str
    what: str
    why: str
    failing: str  # the sentence about a code below a threshold


RULES: Mapping[Sign, Rule] = {
    "recovery": Rule(
        0.5,
        0.8,
        "read back off G's images",
        "what Q reads back of the code that made a generated image: 0 is guessing, 1 is all of it",
        "below a half, most of what the knob sets is lost to whoever reads it",
        "Q cannot read it well off G's own images",
    ),
    "response": Rule(
        0.02,
        0.1,
        "seen in G's images",
        "how much G's images change when this code alone is drawn again, as a share of what tells two "
        "unrelated generated images apart: the mean difference of a pixel",
        "a fiftieth of what tells two images apart is not seen; a small but real thing, such as a smile, may "
        "change a tenth",
        "G hardly responds to it",
    ),
    "use": Rule(
        0.1,
        0.5,
        "spread over real images",
        "how widely real images spread over the code, 1 being as widely as the prior: for a category, how "
        "many categories are in effect used (the exponential of the entropy of their shares); for a "
        "number, its standard deviation; for an angle, its circular variance",
        "where real images all read alike, the code tells nothing of them",
        "real images spread over little of it",
    ),
    "stability": Rule(
        0.0,
        0.8,
        "kept when an image moves by a pixel",
        "how far the code of a real image stays when the image is moved by one pixel: 0 is guessing, 1 is "
        "unchanged",
        "to a person, an image moved by a pixel is the same image; of images of 8 pixels it is much to ask",
        "moving a real image by one pixel changes it",
    ),
    "certainty": Rule(
        0.0,
        0.5,
        "Q's own, on real images",
        "how sure Q says it is on real images: 1 less the median spread over the spread of a guess, both "
        "less the least that Q may claim; not known where the spread is fixed",
        "at a half, Q still leaves open half of what the prior does",
        "Q itself is not sure of it on real images",
    ),
}

WORDS = ("not worth it", "with care", "trust")


@final
@dataclass(frozen=True)
class Verdict:
    """One of WORDS, and the sentences behind it; none where it can be trusted."""

    word: str
    reasons: tuple[str, ...]


def verdict(signs: Mapping[Sign, float | None], empty: int = 0) -> Verdict:
    """What the rules say of a code; a sign that is None is not known, and left out.

    Args:
        empty: the categories that no real image falls into.
    """
    level = 2
    reasons: list[str] = []
    for sign, rule in RULES.items():
        value = signs[sign]
        if value is None or value >= rule.trusted:
            continue
        level = min(level, 0 if value < rule.usable else 1)
        reasons.append(f"{rule.failing} ({sign} {value:.2f})")
    if empty:
        level = min(level, 1)
        reasons.append(f"no real image falls into {empty} of its categories")
    return Verdict(WORDS[level], tuple(reasons))


def above_guessing(agreement: float, code: Code) -> float:
    """An agreement in [0, 1] as 0 for guessing and 1 for all; guessing finds one category of k in k."""
    if code.categories is None:
        return agreement
    return max(0.0, (agreement - 1 / code.categories) / (1 - 1 / code.categories))


def responses(model: Model, rng: torch.Generator) -> Float[np.ndarray, "L"]:
    """Mean absolute change of a pixel when a code moves to another value, over that when all is redrawn.

    Not over that when z is: a G may leave z unused, or have none.
    """
    latent = model.latent
    values, z = model.sample_values(PAIRS, rng), latent.sample_z(PAIRS, rng)
    before = model.decode(values, z).astype(np.float32)
    others = model.decode(model.sample_values(PAIRS, rng), latent.sample_z(PAIRS, rng))
    apart = float(np.abs(others - before).mean())
    found = []
    for i, code in enumerate(latent.codes):
        moved = values.clone()
        moved[:, i] = code.sample_value(PAIRS, rng)
        differs = (moved[:, i] != values[:, i]).numpy()
        change = np.abs(model.decode(moved, z)[differs] - before[differs])
        found.append(float(change.mean()) / max(apart, 1e-9) if differs.any() else 0.0)
    return np.array(found, dtype=float)


def certainty(spreads: Float[np.ndarray, "n"], code: Code, prior_std: float, min_std: float) -> float:
    """1 less the median spread over that of a guess, in [0, 1], both above the least that Q may claim."""
    guess = {
        "category": 1 - 1 / (code.categories or 2),
        "number": prior_std,
        "angle": math.pi / math.sqrt(3),  # the standard deviation of a uniform angle
    }[code.kind]
    least = min_std if code.categories is None else 0.0
    return float(np.clip(1 - (np.median(spreads) - least) / max(guess - least, 1e-9), 0, 1))


def effective_number(counts: Sequence[int]) -> float:
    """exp of the entropy of the shares: k where k categories are equally full, 1 where one has all."""
    share = np.array(counts, dtype=float)
    share = share[share > 0] / max(share.sum(), 1)
    return float(np.exp(-(share * np.log(share)).sum()))


def use(values: Float[np.ndarray, "n"], code: Code, prior_std: float) -> float:
    """How widely real images spread over a code, 1 being as widely as the prior; see RULES."""
    match code.kind:
        case "category":
            k = code.categories or 2
            counts = np.bincount(values.astype(int), minlength=k)
            return (effective_number(counts.tolist()) - 1) / max(k - 1, 1)
        case "number":
            return float(values.std() / prior_std)
        case "angle":
            return float(1 - abs(np.exp(1j * values).mean()))
