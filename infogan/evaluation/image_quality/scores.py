"""Every score of image quality, from the features of real and generated images."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from infogan.evaluation.image_quality.fid_kid import check_features, fid, kid
from infogan.evaluation.image_quality.nearest_neighbours import density_coverage, precision_recall
from infogan.evaluation.score import Score, make_score, sample_halves
from infogan.utils.progress import ProgressCallback, no_progress

N_RESAMPLES = 10
MIN_IMAGES = 20
MIN_IMAGES_PER_CATEGORY = 50


class MetricInfo(NamedTuple):
    """The protocol of a score, and its range."""

    protocol: str
    min_value: float = 0.0
    max_value: float = 1.0


METRICS: dict[str, MetricInfo] = {
    "fid": MetricInfo("squared Fréchet distance of Gaussians (Heusel et al. 2017)", max_value=math.inf),
    "kid": MetricInfo(
        "unbiased squared MMD over all pairs, cubic kernel (Bińkowski et al. 2018)", -math.inf, math.inf
    ),
    "precision": MetricInfo("generated images in the balls of real ones, k = 3 (Kynkäänniemi et al. 2019)"),
    "recall": MetricInfo("real images in the balls of generated ones, k = 3 (Kynkäänniemi et al. 2019)"),
    "density": MetricInfo(
        "balls of real images that hold a generated one, over k = 5 (Naeem et al. 2020)", max_value=math.inf
    ),
    "coverage": MetricInfo("real images whose ball holds a generated one, k = 5 (Naeem et al. 2020)"),
}


def image_quality_scores(
    real: Float[np.ndarray, "n _"],
    fake: Float[np.ndarray, "m _"],
    extractor_name: str,
    conditions: str,
    on_progress: ProgressCallback = no_progress,
) -> dict[str, Score]:
    """`fid[NAME]` and every other of METRICS, with an interval from ten halves of the images.

    Args:
        real, fake: features of real and of generated images.
        extractor_name: of the network that made the features.
        conditions: how the images were obtained, for the protocol.

    Raises:
        InfoganError: if there are fewer than 20 real or generated images, and as `check_features` does.
    """
    check_features(real, fake, MIN_IMAGES)
    on_progress(f"{extractor_name}: {', '.join(METRICS)}")
    values = _compute_metrics(real, fake)
    resamples: list[dict[str, float]] = []
    for i, (a, b) in enumerate(_sample_halves_of_both(len(real), len(fake)), 1):
        on_progress(f"{extractor_name}: resample {i} of {N_RESAMPLES}")
        resamples.append(_compute_metrics(real[a], fake[b]))
    sizes = f"{len(real):,} real and {len(fake):,} generated images, {real.shape[1]:,} features each"
    return {
        f"{name}[{extractor_name}]": make_score(
            values[name],
            [resample[name] for resample in resamples],
            f"{metric.protocol}; {conditions}; {sizes}",
            min_value=metric.min_value,
            max_value=metric.max_value,
        )
        for name, metric in METRICS.items()
    }


def intra_category_fid(
    real: Float[np.ndarray, "n _"],
    real_categories: Int[np.ndarray, "n"],
    fake: Float[np.ndarray, "m _"],
    fake_categories: Int[np.ndarray, "m"],
    extractor_name: str,
    code_name: str,
    conditions: str,
) -> dict[str, Score]:
    """`fid_c1_0[NAME]`, ..., the FID within each category, and their mean `fid_c1_mean[NAME]`.

    The mean is ICFID (Hwang et al. 2022): low only if every category of the generator is one of the real
    images. Categories with fewer than 50 real or generated images are left out; the result is empty if none
    remains.

    Args:
        real_categories, fake_categories: of each image.
        code_name: of the code that the categories belong to.
        conditions: how the images and their categories were obtained, for the protocol.

    Raises:
        InfoganError: as `check_features` does.
    """
    check_features(real, fake)
    scores: dict[str, Score] = {}
    categories = np.union1d(real_categories, fake_categories)
    for category in categories:
        x, y = real[real_categories == category], fake[fake_categories == category]
        if min(len(x), len(y)) < MIN_IMAGES_PER_CATEGORY:
            continue
        resamples = [fid(x[a], y[b]) for a, b in _sample_halves_of_both(len(x), len(y))]
        protocol = (
            f"FID within category {category}; {conditions}; {len(x):,} real and {len(y):,} generated images"
        )
        name = f"fid_{code_name}_{category}[{extractor_name}]"
        scores[name] = make_score(fid(x, y), resamples, protocol, max_value=math.inf)
    if not scores:
        return {}
    mean = make_score(
        float(np.mean([s["value"] for s in scores.values()])),
        np.mean([s["resamples"] for s in scores.values()], axis=0),
        f"mean FID within {len(scores)} of {len(categories)} categories, those with "
        f"{MIN_IMAGES_PER_CATEGORY} real and generated images at least (ICFID, Hwang et al. 2022); "
        f"{conditions}",
        max_value=math.inf,
    )
    return scores | {f"fid_{code_name}_mean[{extractor_name}]": mean}


def _compute_metrics(real: Float[np.ndarray, "n _"], fake: Float[np.ndarray, "m _"]) -> dict[str, float]:
    values = (fid(real, fake), kid(real, fake), *precision_recall(real, fake), *density_coverage(real, fake))
    return dict(zip(METRICS, values, strict=True))


def _sample_halves_of_both(n: int, m: int) -> Iterator[tuple[Int[np.ndarray, "a"], Int[np.ndarray, "b"]]]:
    """Halves of n real and m generated images; those of the real ones do not depend on m."""
    return zip(
        sample_halves(n, N_RESAMPLES, np.random.default_rng(0)),
        sample_halves(m, N_RESAMPLES, np.random.default_rng(1)),
        strict=True,
    )
