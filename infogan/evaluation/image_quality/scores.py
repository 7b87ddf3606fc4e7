"""How much generated images are like real ones, judged by the features that a network finds in both."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from infogan.evaluation.image_quality.fid import checked, fid, kid
from infogan.evaluation.image_quality.precision_recall import density_coverage, precision_recall
from infogan.evaluation.score import Score, halves, score

RESAMPLES = 10
LEAST = 20
LEAST_OF_CATEGORY = 50


class Measure(NamedTuple):
    """How a score is described, and its range."""

    protocol: str
    lowest: float = 0.0
    highest: float = 1.0


MEASURES: dict[str, Measure] = {
    "fid": Measure("squared Fréchet distance of Gaussians (Heusel et al. 2017)", highest=math.inf),
    "kid": Measure(
        "unbiased squared MMD over all pairs, cubic kernel (Bińkowski et al. 2018)", -math.inf, math.inf
    ),
    "precision": Measure("generated images in the balls of real ones, k = 3 (Kynkäänniemi et al. 2019)"),
    "recall": Measure("real images in the balls of generated ones, k = 3 (Kynkäänniemi et al. 2019)"),
    "density": Measure(
        "balls of real images that hold a generated one, over k = 5 (Naeem et al. 2020)", highest=math.inf
    ),
    "coverage": Measure("real images whose ball holds a generated one, k = 5 (Naeem et al. 2020)"),
}


def image_quality_scores(
    real: Float[np.ndarray, "n _"],
    fake: Float[np.ndarray, "m _"],
    extractor_name: str,
    how: str,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Score]:
    """`fid[NAME]` and every other of MEASURES, with the interval of ten halves of real and generated images.

    Args:
        real, fake: features of real and of generated images.
        extractor_name: of the network they come from.
        how: what the protocol is to say of how the images came about.
        say: told what is being done.

    Raises:
        InfoganError: for fewer than 20 real or generated images, and as `checked` does.
    """
    checked(real, fake, LEAST)
    say(f"{extractor_name}: {', '.join(MEASURES)}")
    values = _measure(real, fake)
    draws: list[dict[str, float]] = []
    for i, (a, b) in enumerate(_resamples(len(real), len(fake)), 1):
        say(f"{extractor_name}: the same of halves, {i} of {RESAMPLES}")
        draws.append(_measure(real[a], fake[b]))
    sizes = f"{len(real):,} real and {len(fake):,} generated images, {real.shape[1]:,} features each"
    return {
        f"{name}[{extractor_name}]": score(
            values[name],
            [draw[name] for draw in draws],
            f"{measure.protocol}; {how}; {sizes}",
            lowest=measure.lowest,
            highest=measure.highest,
        )
        for name, measure in MEASURES.items()
    }


def intra_category_fid(
    real: Float[np.ndarray, "n _"],
    real_category: Int[np.ndarray, "n"],
    fake: Float[np.ndarray, "m _"],
    fake_category: Int[np.ndarray, "m"],
    extractor_name: str,
    code_name: str,
    how: str,
) -> dict[str, Score]:
    """`fid_c1_0[NAME]`, ..., the FID within each category, and their mean `fid_c1_mean[NAME]`.

    The mean is ICFID (Hwang et al. 2022): low only if every category of the generator is one of the real
    images. Categories with fewer than 50 real or generated images are left out, and nothing is given where
    none is left.

    Args:
        real_category, fake_category: of each image.
        code_name: the code whose categories they are.
        how: what the protocol is to say of how the images and their categories came about.

    Raises:
        InfoganError: as `checked` does.
    """
    checked(real, fake)
    found: dict[str, Score] = {}
    every = np.union1d(real_category, fake_category)
    for category in every:
        x, y = real[real_category == category], fake[fake_category == category]
        if min(len(x), len(y)) < LEAST_OF_CATEGORY:
            continue
        draws = [fid(x[a], y[b]) for a, b in _resamples(len(x), len(y))]
        protocol = f"FID within category {category}; {how}; {len(x):,} real and {len(y):,} generated images"
        name = f"fid_{code_name}_{category}[{extractor_name}]"
        found[name] = score(fid(x, y), draws, protocol, highest=math.inf)
    if not found:
        return {}
    mean = score(
        float(np.mean([s["value"] for s in found.values()])),
        np.mean([s["draws"] for s in found.values()], axis=0),
        f"mean FID within {len(found)} of {len(every)} categories, those with {LEAST_OF_CATEGORY} real and "
        f"generated images at least (ICFID, Hwang et al. 2022); {how}",
        highest=math.inf,
    )
    return found | {f"fid_{code_name}_mean[{extractor_name}]": mean}


def _measure(real: Float[np.ndarray, "n _"], fake: Float[np.ndarray, "m _"]) -> dict[str, float]:
    precision, recall = precision_recall(real, fake)
    density, coverage = density_coverage(real, fake)
    return {
        "fid": fid(real, fake),
        "kid": kid(real, fake),
        "precision": precision,
        "recall": recall,
        "density": density,
        "coverage": coverage,
    }


def _resamples(n: int, m: int) -> Iterator[tuple[Int[np.ndarray, "a"], Int[np.ndarray, "b"]]]:
    """Halves of n real and m generated images; those of the real ones are the same whatever m."""
    return zip(
        halves(n, RESAMPLES, np.random.default_rng(0)),
        halves(m, RESAMPLES, np.random.default_rng(1)),
        strict=True,
    )
