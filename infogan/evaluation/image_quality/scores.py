"""Every score of image quality, from the features of real and generated images."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Int

from infogan.evaluation.image_quality.metrics import (
    Features,
    check_features,
    density_coverage,
    fid,
    kid,
    precision_recall,
)
from infogan.evaluation.score import Score, make_score, sample_halves
from infogan.utils.progress import ProgressCallback, no_progress

INF = float("inf")
N_RESAMPLES = 10
MIN_IMAGES = 20
MIN_IMAGES_PER_CATEGORY = 50

METRICS: dict[str, tuple[str, float, float]] = {  # protocol, minimum, maximum
    "fid": ("squared Fréchet distance of Gaussians (Heusel et al. 2017)", 0.0, INF),
    "kid": ("unbiased squared MMD over all pairs, cubic kernel (Bińkowski et al. 2018)", -INF, INF),
    "precision": ("generated images in the balls of real ones, k = 3 (Kynkäänniemi et al. 2019)", 0.0, 1.0),
    "recall": ("real images in the balls of generated ones, k = 3 (Kynkäänniemi et al. 2019)", 0.0, 1.0),
    "density": ("balls of real images that hold a generated one, over k = 5 (Naeem et al. 2020)", 0.0, INF),
    "coverage": ("real images whose ball holds a generated one, k = 5 (Naeem et al. 2020)", 0.0, 1.0),
}


def image_quality_scores(
    real: Features,
    fake: Features,
    extractor_name: str,
    conditions: str,
    on_progress: ProgressCallback = no_progress,
) -> dict[str, Score]:
    """`fid[NAME]` and every other of METRICS, with an interval from ten halves of the images.

    `conditions` says in the protocol how the images were obtained.

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
            f"{protocol}; {conditions}; {sizes}",
            min_value=min_value,
            max_value=max_value,
        )
        for name, (protocol, min_value, max_value) in METRICS.items()
    }


def intra_category_fid(
    real: Features,
    real_categories: Int[np.ndarray, "n"],
    fake: Features,
    fake_categories: Int[np.ndarray, "m"],
    extractor_name: str,
    code_name: str,
    conditions: str,
) -> dict[str, Score]:
    """`fid_c1_0[NAME]`, ..., the FID within each category, and their mean `fid_c1_mean[NAME]`.

    The mean is ICFID (Hwang et al. 2022): low only if every category of the generator is one of the real
    images. Categories with fewer than 50 real or generated images are left out.
    """
    check_features(real, fake)
    scores: dict[str, Score] = {}
    categories = np.union1d(real_categories, fake_categories)
    for category in categories:
        x, y = real[real_categories == category], fake[fake_categories == category]
        if min(len(x), len(y)) < MIN_IMAGES_PER_CATEGORY:
            continue
        resamples = [fid(x[a], y[b]) for a, b in _sample_halves_of_both(len(x), len(y))]
        scores[f"fid_{code_name}_{category}[{extractor_name}]"] = make_score(
            fid(x, y),
            resamples,
            f"FID within category {category}; {conditions}; {len(x):,} real and {len(y):,} generated images",
            max_value=INF,
        )
    if scores:
        scores[f"fid_{code_name}_mean[{extractor_name}]"] = make_score(
            float(np.mean([s["value"] for s in scores.values()])),
            np.mean([s["resamples"] for s in scores.values()], axis=0),
            f"mean FID within {len(scores)} of {len(categories)} categories, those with "
            f"{MIN_IMAGES_PER_CATEGORY} real and generated images at least (ICFID, Hwang et al. 2022); "
            f"{conditions}",
            max_value=INF,
        )
    return scores


def _compute_metrics(real: Features, fake: Features) -> dict[str, float]:
    values = (fid(real, fake), kid(real, fake), *precision_recall(real, fake), *density_coverage(real, fake))
    return dict(zip(METRICS, values, strict=True))


def _sample_halves_of_both(n: int, m: int) -> Iterator[tuple[Int[np.ndarray, "a"], Int[np.ndarray, "b"]]]:
    """Halves of n real and m generated images; those of the real ones do not depend on m."""
    halves = (sample_halves(size, N_RESAMPLES, np.random.default_rng(i)) for i, size in enumerate((n, m)))
    return zip(*halves, strict=True)
