"""The scores of a model, split by split."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from infogan.data import DEFAULT_OPTIONS, Images, LoadOptions, available_splits
from infogan.evaluation.bound import info_bounds
from infogan.evaluation.clustering import Table, cluster_scores, count, joint, k_means
from infogan.evaluation.consistency import read_back, recovery_scores, stability_scores
from infogan.evaluation.disentanglement.association import association_scores
from infogan.evaluation.disentanglement.pairs import pairs_of
from infogan.evaluation.disentanglement.scores import disentanglement_scores
from infogan.evaluation.image_quality.features import Extractor, find_extractor
from infogan.evaluation.image_quality.scores import image_quality_scores, intra_category_fid
from infogan.evaluation.saved import read_evaluation, write_evaluation
from infogan.evaluation.score import Evaluation, Score
from infogan.method.codes import Code
from infogan.method.model import Model
from infogan.runs.run import Run
from infogan.utils.errors import InfoganError, did_you_mean
from infogan.utils.rng import make_rng

# Images of a split that are looked at, of a larger one a random choice.
MOST, MOST_WITH_FACTORS, MOST_FOR_FEATURES = 60_000, 20_000, 10_000

Say = Callable[[str], None]

GROUPS = ("bound", "consistency", "clustering", "association", "disentanglement", "image-quality")
QUICK = GROUPS[:4]  # which take seconds


def choose_groups(names: Sequence[str]) -> tuple[str, ...]:
    """The groups of scores of these names, where `all` stands for all of them.

    Raises:
        InfoganError: for a name that is none.
    """
    for name in names:
        if name not in GROUPS and name != "all":
            raise InfoganError(f"metrics: there are no {name!r}; " + did_you_mean(name, [*GROUPS, "all"]))
    return GROUPS if "all" in names else tuple(names)


def evaluate_run(
    run: Run,
    load_options: LoadOptions = DEFAULT_OPTIONS,
    say: Say = lambda _: None,
    groups: Sequence[str] = QUICK,
    features: Path | None = None,
) -> Evaluation:
    """The scores of a run on every split that is here, beside those that its evaluation.json has already.

    They are left there, too. Scores of an earlier checkpoint are dropped.

    Args:
        features: a TorchScript file that turns images into features; see `find_extractor`.

    Raises:
        InfoganError: where the run has no checkpoint, or its images cannot be read or compared with anything.
    """
    model, name = run.model(), run.config.data.images
    splits = {
        split or "train": run.images(split, load_options) for split in available_splits(name, load_options)
    }
    extractor = None
    if "image-quality" in groups:
        extractor = find_extractor(name, next(iter(splits.values())), load_options, features, say)
    found = evaluate(model, splits, run.config.optimisation.batch_size, say, groups, extractor)
    if not found:
        raise InfoganError(
            f"evaluate: {' and '.join(groups)} take labels, factors or a network that is named by "
            f"--features, and nothing is known of {name}."
        )
    before = read_evaluation(run) or {}
    # L_I first, then the splits in their order, whichever was measured first
    names = [name for name in ("generated", *splits) if name in before or name in found]
    evaluation = {name: before.get(name, {}) | found.get(name, {}) for name in names}
    write_evaluation(run, evaluation)
    return evaluation


def evaluated(run: Run, load_options: LoadOptions, say: Say) -> Evaluation:
    """The scores in the run's folder, if they are of its last checkpoint, else what QUICK measures now."""
    return read_evaluation(run) or evaluate_run(run, load_options, say)


def evaluate(
    model: Model,
    splits: Mapping[str, Images],
    batch: int,
    say: Say = lambda _: None,
    groups: Sequence[str] = QUICK,
    extractor: Extractor | None = None,
) -> Evaluation:
    """What GROUPS names: of generated images, and of each split; what takes long, of the last split alone.

    Where there are several discrete codes, the names of their scores end in the code's: `nmi_c2`. Codes
    are read with D's running statistics of batch norm; what those of the batch would give is the score
    `one_to_one_error_batch_statistics`.

    Args:
        batch: the batch size of training.
        say: told what is being done.
        extractor: without one there is no image quality.
    """
    generated: dict[str, Score] = {}
    if "bound" in groups:
        say("L_I of generated images")
        generated |= info_bounds(model, batch, make_rng(0, "evaluate"))
    if "consistency" in groups:
        say("codes read off generated images")
        generated |= recovery_scores(model, read_back(model, make_rng(0, "recovery")))
    evaluation: Evaluation = {"generated": generated}
    for split, whole in splits.items():
        last = split == list(splits)[-1]
        evaluation[split] = dict(_of_split(model, split, whole, groups, last, say))
        if last and extractor is not None:
            evaluation[split] |= _image_quality(model, whole, extractor, say)
    return {split: scores for split, scores in evaluation.items() if scores}


def _of_split(
    model: Model, split: str, whole: Images, groups: Sequence[str], last: bool, say: Say
) -> Iterator[tuple[str, Score]]:
    """Every score of the codes read off a split."""
    latent = model.latent
    images = whole.subsample(MOST if whole.factors is None else MOST_WITH_FACTORS)
    if "consistency" in groups:
        say(f"{split}: codes of images that are moved")
        yield from stability_scores(model, images.subsample(MOST_FOR_FEATURES).x).items()
    clusters = "clustering" in groups and images.labels is not None
    associates = "association" in groups and images.factors is not None
    if clusters or associates:
        say(f"{split}: reading the codes of {len(images):,} images")
        values = model.encode(images.pixels).values.numpy()
    if clusters:
        yield from _clustering(model, images, values, say).items()
    if associates:
        assert images.factors is not None
        say(f"{split}: codes against factors")
        yield from association_scores(values, latent.names, latent.codes, images.factors).items()
    if "disentanglement" in groups and images.factors is not None and last:
        say(f"{split}: reading the codes of images with factors")
        pairs = pairs_of(model, images)
        how = "codes by Q with running statistics of batch norm"
        yield from disentanglement_scores(pairs, how, lambda what: say(f"{split}: {what}")).items()


def _clustering(model: Model, images: Images, values: Float[np.ndarray, "n L"], say: Say) -> dict[str, Score]:
    """Of each discrete code, of all of them as one where there are several, and of k-means."""
    assert images.labels is not None
    codes, labels = model.latent.codes, images.labels
    running = discrete(values, codes)
    batch = discrete(model.encode(images.pixels, "batch").values.numpy(), codes)
    scores: dict[str, Score] = {}
    for name, category in running.items():
        suffix = f"_{name}" if len(running) > 1 else ""
        how = f"{name} by Q's argmax with running statistics of batch norm"
        scores |= {f"{s}{suffix}": score for s, score in cluster_scores(category, labels, how).items()}
        how = f"{name} by Q's argmax with batch statistics of batch norm"
        again = cluster_scores(batch[name], labels, how)
        scores[f"one_to_one_error{suffix}_batch_statistics"] = again["one_to_one_error"]
    if len(running) > 1:
        category = joint(np.stack(list(running.values()), axis=1))
        how = f"{', '.join(running)} as one code, {category.max() + 1:,} combinations found"
        scores |= {f"{s}_joint": score for s, score in cluster_scores(category, labels, how).items()}
    say("k-means")
    some = images.subsample(MOST_FOR_FEATURES)
    assert some.labels is not None
    k = len(np.unique(some.labels))
    features = model.features(some.x).numpy()
    how = f"k-means of Q's penultimate features, k = {k} as there are labels, the best of 10 starts"
    found = cluster_scores(k_means(features, k), some.labels, how)
    return scores | {f"{score}_k_means": value for score, value in found.items()}


def _image_quality(model: Model, whole: Images, extractor: Extractor, say: Say) -> dict[str, Score]:
    """Generated images beside as many real ones, at most 10,000; all, and category by category."""
    images = whole.subsample(MOST_FOR_FEATURES)
    say(f"{extractor.name}: features of {len(images):,} real and as many generated images")
    rng = make_rng(0, "image quality")
    values = model.sample_values(len(images), rng)
    fake = extractor.features(model.decode(values, model.latent.sample_z(len(values), rng)))
    real = extractor.features(images.x)
    how = f"{extractor.note}; G with running statistics of batch norm"
    scores = image_quality_scores(real, fake, extractor.name, how, say)
    read = discrete(model.encode(images.pixels).values.numpy(), model.latent.codes)
    for name, drawn in discrete(values.numpy(), model.latent.codes).items():
        say(f"{extractor.name}: FID of each category of {name}")
        within = f"real images that Q reads as a category of {name}, generated ones that have it; {how}"
        scores |= intra_category_fid(real, read[name], fake, drawn, extractor.name, name, within)
    return scores


def discrete(values: Float[np.ndarray, "n L"], codes: Sequence[Code]) -> dict[str, Int[np.ndarray, "n"]]:
    """The categories of each discrete code, by its name."""
    return {
        f"c{i}": v.astype(np.int64)
        for i, (v, code) in enumerate(zip(values.T, codes, strict=True), 1)
        if code.categories is not None
    }


def tables(
    values: Float[np.ndarray, "n L"], codes: Sequence[Code], labels: Int[np.ndarray, "n"]
) -> dict[str, Table]:
    """The table of counts of each discrete code against the labels, by the code's name."""
    sizes = {f"c{i}": code.categories for i, code in enumerate(codes, 1)}
    return {
        name: count(category, labels, sizes[name] or 0, int(labels.max()) + 1)
        for name, category in discrete(values, codes).items()
    }
