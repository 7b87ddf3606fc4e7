"""How reliable a code is: criteria with two thresholds each, and the verdict.

The thresholds are rules of thumb, not statistical tests. They separate codes that clearly work from codes
that clearly do not; look at those in between. How often verdicts agree with a person: docs/guide/report.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, final

from infogan.evaluation.evidence import Evidence

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
        0.75,
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
        "1 - (u - u_min) / (u_prior - u_min), where u is Q's median uncertainty on real images, u_prior "
        "that of a guess and u_min the smallest that Q can claim; the uncertainty of a category is the "
        "probability of all others, of a number the standard deviation, of an angle the circular variance; "
        "not known if Q's standard deviation is fixed",
        "at a half, Q is still half as uncertain as the prior",
        "Q is not confident of it on real images",
    ),
    "alignment": Criterion(
        0.4,
        0.75,
        "of its effects in different images",
        "how alike the changes of G's images are, as the code moves over its range in 100 contexts: 0 is "
        "chance, 1 is the same change in all; for a change of one quantity, such as the slant, twice the "
        "share of contexts with the commoner direction, less one",
        "at 0.4, three images in ten change in the opposite direction; at 0.75, one in eight",
        "it changes different images in different ways",
    ),
    "isolation": Criterion(
        0.5,
        0.7,
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
        "0.66 or more",
        "another code changes images in the same way",
    ),
}

VERDICTS = ("not reliable", "doubtful", "self-consistent", "reliable")


@final
@dataclass(frozen=True)
class Verdict:
    """One of VERDICTS, and the reasons against the code, or for it if there are none."""

    word: str
    reasons: tuple[str, ...]


def judge(criteria: Mapping[CriterionName, float | None], evidence: Evidence, n_empty: int = 0) -> Verdict:
    """The verdict of the worst of these criteria; those that are None are not known, and ignored.

    Where all are met, the code is self-consistent: its own model treats it well. It is reliable only if there
    is evidence besides.

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
    if level < 2:
        return Verdict(VERDICTS[level], tuple(reasons))
    if evidence.missing:
        return Verdict("self-consistent", evidence.missing)
    return Verdict("reliable", (evidence.support,))
