"""The scores of a model, split by split."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from sklearn.cluster import KMeans

from infogan.data import DEFAULT_OPTIONS, Images, LoadOptions, available_splits
from infogan.data.labels import UNKNOWN
from infogan.evaluation.clustering import (
    Labels,
    cluster_scores,
    discrete_codes,
    joint_categories,
    why_not_scored,
)
from infogan.evaluation.consistency import info_bounds, recover_codes, recovery_scores, stability_scores
from infogan.evaluation.control.scores import N_REAL, control_scores
from infogan.evaluation.disentanglement.association import association_scores
from infogan.evaluation.disentanglement.codes_and_factors import CodesAndFactors
from infogan.evaluation.disentanglement.scores import disentanglement_scores
from infogan.evaluation.image_quality.features import FeatureExtractor, find_feature_extractor
from infogan.evaluation.image_quality.scores import image_quality_scores, intra_category_fid
from infogan.evaluation.score import Evaluation, Score, read_evaluation, write_evaluation
from infogan.method.model import Model
from infogan.runs.run import Run
from infogan.utils.errors import InfoganError, did_you_mean
from infogan.utils.progress import ProgressCallback, no_progress
from infogan.utils.rng import make_rng

# Images of a split that are scored; of a larger split a random choice.
MAX_IMAGES, MAX_IMAGES_WITH_FACTORS, MAX_IMAGES_FOR_FEATURES = 60_000, 20_000, 10_000
MAX_CLUSTERS = 200  # more classes have no score of k-means, which would take minutes

METRIC_GROUPS = (
    "bound",
    "consistency",
    "control",
    "clustering",
    "association",
    "disentanglement",
    "image-quality",
)
DEFAULT_METRIC_GROUPS = METRIC_GROUPS[:5]  # take seconds, the others minutes


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
    """Scores a run on every split that is available, and returns all that its evaluation.json now holds.

    Scores of other groups stay there, unless they belong to an earlier checkpoint. `features` is a
    TorchScript file, as `load_feature_extractor` takes it.

    Raises:
        InfoganError: if the run has no checkpoint, its images cannot be read, or the groups need labels,
            factors or features that are missing.
    """
    model, name = run.model(), run.config.data.images
    splits = {s or "train": run.images(s, load_options) for s in available_splits(name, load_options)}
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
    """Scores generated images and each split; control, disentanglement, image quality on the last one alone.

    If there are several discrete codes, the names of their scores end in the code's: `nmi_c2`. Codes are read
    with D's running statistics of batch norm; `accuracy_batch_statistics` and
    `one_to_one_error_batch_statistics` take those of each batch instead. `batch_size` is that of training.
    """
    generated: dict[str, Score] = {}
    if "bound" in groups:
        on_progress("L_I of generated images")
        generated |= info_bounds(model, batch_size, make_rng(0, "evaluate"))
    if "consistency" in groups:
        on_progress("recovering the codes of generated images")
        generated |= recovery_scores(model, recover_codes(model, make_rng(0, "recovery")))
    evaluation: Evaluation = {"generated": generated}
    *_, last = ("", *splits)
    for split, images in splits.items():
        scores = evaluation[split] = dict[str, Score]()
        some = images.subsample(MAX_IMAGES if images.factors is None else MAX_IMAGES_WITH_FACTORS)
        if "consistency" in groups:
            on_progress(f"{split}: codes of shifted images")
            scores |= stability_scores(model, some.subsample(MAX_IMAGES_FOR_FEATURES).x)
        if "control" in groups and split == last:
            on_progress("what the continuous codes change")
            scores |= control_scores(model, some.subsample(N_REAL).x, make_rng(0, "control"))
        labels = some.labels.numbers if some.labels is not None and "clustering" in groups else None
        if labels is not None and (reason := why_not_scored(labels)):
            print(f"the labels of {split} are not scored: {reason}.", file=sys.stderr)
            labels = None
        elif labels is not None and (n_unknown := int((labels == UNKNOWN).sum())):
            known = f"{n_unknown:,} of {len(labels):,} images of {split} have no known label"
            print(f"{known}; scores by labels leave them out.", file=sys.stderr)
        factors = some.factors if "association" in groups else None
        if labels is not None or factors is not None:
            on_progress(f"{split}: codes of {len(some):,} images")
            values = model.encode(some.pixels).values.numpy()
        if labels is not None:
            scores |= _clustering_scores(model, some, labels, values, on_progress)
        if factors is not None:
            on_progress(f"{split}: association of codes and factors")
            scores |= association_scores(values, model.latent.names, model.latent.codes, factors)
        if "disentanglement" in groups and some.factors is not None and split == last:
            on_progress(f"{split}: codes of images with factors")
            pairs = CodesAndFactors.from_model(model, some)
            how = "codes by Q with running statistics of batch norm"
            scores |= disentanglement_scores(pairs, how, lambda s: on_progress(f"{last}: {s}"))
        if split == last and extractor is not None:
            scores |= _image_quality_scores(model, images, extractor, on_progress)
    return {split: scores for split, scores in evaluation.items() if scores}


def _clustering_scores(
    model: Model,
    images: Images,
    labels: Labels,
    values: Float[np.ndarray, "n L"],
    on_progress: ProgressCallback,
) -> dict[str, Score]:
    """Scores of each discrete code, of several as one, and of k-means on Q's features."""
    running = discrete_codes(values, model.latent)
    batch = discrete_codes(model.encode(images.pixels, "batch").values.numpy(), model.latent)
    scores: dict[str, Score] = {}
    for name, categories in running.items():
        suffix = f"_{name}" if len(running) > 1 else ""
        conditions = f"{name} by Q's argmax with running statistics of batch norm"
        scores |= cluster_scores(labels, categories, conditions, suffix)
        conditions, suffix = conditions.replace("running", "batch"), f"{suffix}_batch_statistics"
        scores |= cluster_scores(labels, batch[name], conditions, suffix, ("one_to_one_error", "accuracy"))
    if len(running) > 1:
        categories = joint_categories(np.stack(list(running.values()), axis=1))
        conditions = f"{', '.join(running)} as one code, {categories.max() + 1:,} combinations found"
        scores |= cluster_scores(labels, categories, conditions, "_joint")
    on_progress("k-means")
    some = images.subsample(MAX_IMAGES_FOR_FEATURES)
    assert some.labels is not None
    labels = some.labels.numbers
    k = len(np.unique(labels[labels != UNKNOWN]))
    if k > MAX_CLUSTERS:
        return scores
    clusters = KMeans(k, n_init=10, random_state=0).fit_predict(model.features(some.pixels).numpy())
    conditions = f"k-means of Q's penultimate features, k = {k} as there are labels, the best of 10 starts"
    return scores | cluster_scores(labels, clusters.astype(np.int64), conditions, "_k_means")


def _image_quality_scores(
    model: Model, all_images: Images, extractor: FeatureExtractor, on_progress: ProgressCallback
) -> dict[str, Score]:
    """At most 10,000 real images against as many generated ones: all of them, and category by category."""
    name, latent = extractor.name, model.latent
    images = all_images.subsample(MAX_IMAGES_FOR_FEATURES)
    on_progress(f"{name}: features of {len(images):,} real and as many generated images")
    rng = make_rng(0, "image quality")
    values = model.sample_values(len(images), rng)
    fake = extractor.features(model.decode(values, latent.sample_z(len(values), rng)))
    real = extractor.features(images.x)
    how = f"{extractor.description}; G with running statistics of batch norm"
    scores = image_quality_scores(real, fake, name, how, on_progress)
    of_real = discrete_codes(model.encode(images.pixels).values.numpy(), latent)
    for code, of_fake in discrete_codes(values.numpy(), latent).items():
        on_progress(f"{name}: FID of each category of {code}")
        within = f"real images that Q reads as a category of {code}, generated ones that have it; {how}"
        scores |= intra_category_fid(real, of_real[code], fake, of_fake, name, code, within)
    return scores
