"""The scores of a model, split by split."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from sklearn.cluster import KMeans

from infogan.data import DEFAULT_OPTIONS, Images, LoadOptions, available_splits
from infogan.evaluation.bound import info_bounds
from infogan.evaluation.clustering import cluster_scores, discrete_codes, joint_categories
from infogan.evaluation.consistency import recover_codes, recovery_scores, stability_scores
from infogan.evaluation.disentanglement.association import association_scores
from infogan.evaluation.disentanglement.codes_and_factors import CodesAndFactors
from infogan.evaluation.disentanglement.scores import disentanglement_scores
from infogan.evaluation.evaluation_file import read_evaluation, write_evaluation
from infogan.evaluation.image_quality.features import FeatureExtractor, find_feature_extractor
from infogan.evaluation.image_quality.scores import image_quality_scores, intra_category_fid
from infogan.evaluation.score import Evaluation, Score
from infogan.method.model import Model
from infogan.runs.run import Run
from infogan.utils.errors import InfoganError, did_you_mean
from infogan.utils.progress import ProgressCallback, no_progress
from infogan.utils.rng import make_rng

# Images of a split that are scored; of a larger split a random choice.
MAX_IMAGES, MAX_IMAGES_WITH_FACTORS, MAX_IMAGES_FOR_FEATURES = 60_000, 20_000, 10_000

METRIC_GROUPS = ("bound", "consistency", "clustering", "association", "disentanglement", "image-quality")
DEFAULT_METRIC_GROUPS = METRIC_GROUPS[:4]  # take seconds, the others minutes


def resolve_metric_groups(names: Sequence[str]) -> tuple[str, ...]:
    """The groups of these names; `all` stands for METRIC_GROUPS.

    Raises:
        InfoganError: if a name is unknown.
    """
    for name in names:
        if name not in METRIC_GROUPS and name != "all":
            hint = did_you_mean(name, [*METRIC_GROUPS, "all"])
            raise InfoganError(f"metrics: there is no {name!r}; {hint}")
    return METRIC_GROUPS if "all" in names else tuple(names)


def evaluate_run(
    run: Run,
    load_options: LoadOptions = DEFAULT_OPTIONS,
    on_progress: ProgressCallback = no_progress,
    groups: Sequence[str] = DEFAULT_METRIC_GROUPS,
    features: Path | None = None,
) -> Evaluation:
    """Scores a run on every split that is available, and adds the scores to its evaluation.json.

    Scores of other groups stay there, unless they belong to an earlier checkpoint.

    Args:
        features: a TorchScript file that turns images into features; see `find_feature_extractor`.

    Returns:
        All that evaluation.json now holds.

    Raises:
        InfoganError: if the run has no checkpoint, its images cannot be read, or the groups need labels,
            factors or features that are missing.
    """
    model, name = run.model(), run.config.data.images
    splits = {
        split or "train": run.images(split, load_options) for split in available_splits(name, load_options)
    }
    extractor = None
    if "image-quality" in groups:
        images = next(iter(splits.values()))
        extractor = find_feature_extractor(name, images, load_options, features, on_progress)
    found = evaluate_model(model, splits, run.config.optimisation.batch_size, on_progress, groups, extractor)
    if not found:
        raise InfoganError(
            f"evaluate: {' and '.join(groups)} need labels, factors or a feature network, and {name} has "
            "none; set features to a TorchScript file."
        )
    before = read_evaluation(run) or {}
    names = [name for name in ("generated", *splits) if name in before or name in found]
    evaluation = {name: before.get(name, {}) | found.get(name, {}) for name in names}
    write_evaluation(run, evaluation)
    return evaluation


def load_or_evaluate(
    run: Run, load_options: LoadOptions, on_progress: ProgressCallback = no_progress
) -> Evaluation:
    """The scores in the run's folder if they are of its last checkpoint, else those of `evaluate_run`."""
    return read_evaluation(run) or evaluate_run(run, load_options, on_progress)


def evaluate_model(
    model: Model,
    splits: Mapping[str, Images],
    batch_size: int,
    on_progress: ProgressCallback = no_progress,
    groups: Sequence[str] = DEFAULT_METRIC_GROUPS,
    extractor: FeatureExtractor | None = None,
) -> Evaluation:
    """Scores generated images and each split; disentanglement and image quality on the last split alone.

    If there are several discrete codes, the names of their scores end in the code's: `nmi_c2`. Codes
    are read with D's running statistics of batch norm; `accuracy_batch_statistics` and
    `one_to_one_error_batch_statistics` take those of each batch instead.

    Args:
        batch_size: that of training.
        extractor: image quality is left out if it is None.
    """
    generated: dict[str, Score] = {}
    if "bound" in groups:
        on_progress("L_I of generated images")
        generated |= info_bounds(model, batch_size, make_rng(0, "evaluate"))
    if "consistency" in groups:
        on_progress("recovering the codes of generated images")
        generated |= recovery_scores(model, recover_codes(model, make_rng(0, "recovery")))
    evaluation: Evaluation = {"generated": generated}
    for split, images in splits.items():
        is_last = split == list(splits)[-1]
        evaluation[split] = dict(_split_scores(model, split, images, groups, is_last, on_progress))
        if is_last and extractor is not None:
            evaluation[split] |= _image_quality_scores(model, images, extractor, on_progress)
    return {split: scores for split, scores in evaluation.items() if scores}


def _split_scores(
    model: Model,
    split: str,
    all_images: Images,
    groups: Sequence[str],
    is_last: bool,
    on_progress: ProgressCallback,
) -> Iterator[tuple[str, Score]]:
    """Every score of the codes of a split."""
    latent = model.latent
    images = all_images.subsample(MAX_IMAGES if all_images.factors is None else MAX_IMAGES_WITH_FACTORS)
    if "consistency" in groups:
        on_progress(f"{split}: codes of shifted images")
        yield from stability_scores(model, images.subsample(MAX_IMAGES_FOR_FEATURES).x).items()
    clustering = "clustering" in groups and images.labels is not None
    association = "association" in groups and images.factors is not None
    if clustering or association:
        on_progress(f"{split}: codes of {len(images):,} images")
        values = model.encode(images.pixels).values.numpy()
    if clustering:
        yield from _clustering_scores(model, images, values, on_progress).items()
    if association:
        assert images.factors is not None
        on_progress(f"{split}: association of codes and factors")
        yield from association_scores(values, latent.names, latent.codes, images.factors).items()
    if "disentanglement" in groups and images.factors is not None and is_last:
        on_progress(f"{split}: codes of images with factors")
        data = CodesAndFactors.from_model(model, images)
        conditions = "codes by Q with running statistics of batch norm"
        yield from disentanglement_scores(data, conditions, lambda s: on_progress(f"{split}: {s}")).items()


def _clustering_scores(
    model: Model, images: Images, values: Float[np.ndarray, "n L"], on_progress: ProgressCallback
) -> dict[str, Score]:
    """Scores of each discrete code, of several as one, and of k-means on Q's features."""
    assert images.labels is not None
    codes, labels = model.latent.codes, images.labels
    running = discrete_codes(values, codes)
    batch = discrete_codes(model.encode(images.pixels, "batch").values.numpy(), codes)
    scores: dict[str, Score] = {}
    for name, categories in running.items():
        suffix = f"_{name}" if len(running) > 1 else ""
        conditions = f"{name} by Q's argmax with running statistics of batch norm"
        scores |= _with_suffix(cluster_scores(labels, categories, conditions), suffix)
        conditions = f"{name} by Q's argmax with batch statistics of batch norm"
        of_batch = cluster_scores(labels, batch[name], conditions)
        matched = {name: of_batch[name] for name in ("one_to_one_error", "accuracy")}
        scores |= _with_suffix(matched, f"{suffix}_batch_statistics")
    if len(running) > 1:
        categories = joint_categories(np.stack(list(running.values()), axis=1))
        conditions = f"{', '.join(running)} as one code, {categories.max() + 1:,} combinations found"
        scores |= _with_suffix(cluster_scores(labels, categories, conditions), "_joint")
    on_progress("k-means")
    some = images.subsample(MAX_IMAGES_FOR_FEATURES)
    assert some.labels is not None
    k = len(np.unique(some.labels))
    clusters = KMeans(k, n_init=10, random_state=0).fit_predict(model.features(some.x).numpy())
    conditions = f"k-means of Q's penultimate features, k = {k} as there are labels, the best of 10 starts"
    k_means = cluster_scores(some.labels, clusters.astype(np.int64), conditions)
    return scores | _with_suffix(k_means, "_k_means")


def _with_suffix(scores: Mapping[str, Score], suffix: str) -> dict[str, Score]:
    return {f"{name}{suffix}": score for name, score in scores.items()}


def _image_quality_scores(
    model: Model, all_images: Images, extractor: FeatureExtractor, on_progress: ProgressCallback
) -> dict[str, Score]:
    """At most 10,000 real images against as many generated ones: all of them, and category by category."""
    images = all_images.subsample(MAX_IMAGES_FOR_FEATURES)
    on_progress(f"{extractor.name}: features of {len(images):,} real and as many generated images")
    rng = make_rng(0, "image quality")
    values = model.sample_values(len(images), rng)
    fake = extractor.features(model.decode(values, model.latent.sample_z(len(values), rng)))
    real = extractor.features(images.x)
    conditions = f"{extractor.description}; G with running statistics of batch norm"
    scores = image_quality_scores(real, fake, extractor.name, conditions, on_progress)
    real_codes = discrete_codes(model.encode(images.pixels).values.numpy(), model.latent.codes)
    for name, fake_categories in discrete_codes(values.numpy(), model.latent.codes).items():
        on_progress(f"{extractor.name}: FID of each category of {name}")
        within = (
            f"real images that Q reads as a category of {name}, generated ones that have it; {conditions}"
        )
        scores |= intra_category_fid(
            real, real_codes[name], fake, fake_categories, extractor.name, name, within
        )
    return scores
