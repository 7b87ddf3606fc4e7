"""Ranks the runs of a sweep by scores that need no labels: agreement with other runs, and consistency."""

from collections.abc import Mapping, Sequence
from itertools import combinations, permutations
from typing import TypedDict

import numpy as np
from scipy.stats import rankdata, spearmanr

from infogan.data import Images
from infogan.evaluation.clustering import discrete_codes, one_to_one_error, why_not_scored
from infogan.evaluation.consistency import (
    RecoveredCodes,
    info_bounds,
    recover_codes,
    recovery_scores,
    stability_scores,
)
from infogan.evaluation.control.scores import N_REAL, control_scores
from infogan.evaluation.disentanglement.association import code_factor_association, pairwise_association
from infogan.evaluation.disentanglement.betavae_factorvae import factorvae
from infogan.evaluation.disentanglement.codes_and_factors import CodesAndFactors
from infogan.evaluation.score import Score
from infogan.method.model import Model
from infogan.utils.errors import InfoganError
from infogan.utils.progress import ProgressCallback, no_progress
from infogan.utils.rng import make_rng
from infogan.utils.udr import pairwise_udr

N_IMAGES = 5_000  # real images that are encoded
MIN_RECOVERY = 0.1  # a code with a lower recovery is uninformative, for UDR

LABEL_FREE = {
    "udr_and_recovery": "mean of the scaled ranks by UDR and recovery; 0 is last by both, 1 is first by both",
    "udr": "how nearly each code is associated with one code of the other runs (UDR, Duan et al. 2020)",
    "model_centrality": "mean FactorVAE score of the Q of one run on the G of another (Lin et al. 2020)",
    "bound": "sum of L_I over the codes, nats",
    "recovery": "how well Q reads c off G(z, c), mean over the codes",
    "stability": "agreement of codes before and after a shift by one pixel, mean over the codes",
    "control": "how well a continuous code changes one thing, mean over these codes; 0 if there is none",
}


class Selection(TypedDict):
    """The result of `select`; runs are named, the best first."""

    by: str
    runs: dict[str, dict[str, float]]  # run -> label-free score -> value
    labelled: dict[str, dict[str, float]]  # labelled score -> run -> value, higher is better
    rank_correlation: dict[str, dict[str, float]]  # labelled score -> label-free score -> Spearman's rho


def select(
    models: Mapping[str, Model],
    batch_size: int,
    images: Images,
    by: str,
    on_progress: ProgressCallback = no_progress,
) -> Selection:
    """Ranks runs by a score of LABEL_FREE. Labels and factors serve only to judge the ranking afterwards.

    At most 5,000 of the real images are encoded. `batch_size` is that of training.

    Raises:
        InfoganError: if there are fewer than two runs, or their images differ in shape.
    """
    if len(models) < 2:
        raise InfoganError("select: at least two runs are needed; train more with `infogan sweep`.")
    some = images.subsample(N_IMAGES)
    x = some.x
    scores: dict[str, dict[str, float]] = {}
    recovered: list[RecoveredCodes] = []
    for name, model in models.items():
        on_progress(f"{name}: bound, recovery, stability, control")
        bounds = info_bounds(model, batch_size, make_rng(0, "evaluate"))
        recovered.append(recover_codes(model, make_rng(0, "recovery")))
        control = control_scores(model, some.subsample(N_REAL).x, make_rng(0, "control"))
        scores[name] = {
            "bound": sum(s["value"] for s in bounds.values()),
            "recovery": _mean(recovery_scores(model, recovered[-1])),
            "stability": _mean(stability_scores(model, x)),
            "control": _mean({name: s for name, s in control.items() if name.startswith("control_")}),
        }
    udrs = udr(list(models.values()), recovered, some, on_progress)
    centralities = model_centrality(list(models.values()), recovered, on_progress)
    ranks = udr_and_recovery(udrs, [scores[name]["recovery"] for name in models])
    for name, *values in zip(models, udrs, centralities, ranks, strict=True):
        scores[name] |= zip(("udr", "model_centrality", "udr_and_recovery"), values, strict=True)
    order = sorted(scores, key=lambda name: -scores[name][by])
    runs = {name: {score: scores[name][score] for score in LABEL_FREE} for name in order}
    labelled = _labelled_scores({name: models[name] for name in order}, some)
    correlation = {
        labelled_score: {
            score: _spearman([runs[name][score] for name in order], [values[name] for name in order])
            for score in LABEL_FREE
        }
        for labelled_score, values in labelled.items()
    }
    return Selection(by=by, runs=runs, labelled=labelled, rank_correlation=correlation)


def udr(
    models: Sequence[Model],
    recovered: Sequence[RecoveredCodes],
    images: Images,
    on_progress: ProgressCallback = no_progress,
) -> list[float]:
    """Unsupervised disentanglement ranking (Duan et al., ICLR 2020): other seeds find a good model's codes.

    The median of `pairwise_udr` over the other models (Sec. 4), in [0, 1], for each model, on real images. R
    is our measure of association instead of Spearman's or lasso's: a code may be a category or an angle. A
    code under a category is left out, as it means something else in each.
    """
    on_progress("real images, encoded by all runs")
    values = [model.encode(images.pixels).values.numpy() for model in models]
    kinds = [[code.kind for code in model.latent.codes] for model in models]
    informative = [
        (pairwise_association(codes.sampled, k, codes.recovered, k).diagonal() >= MIN_RECOVERY)
        & [i not in model.latent.parents for i in range(len(k))]
        for model, codes, k in zip(models, recovered, kinds, strict=True)
    ]
    pairwise = np.full((len(models), len(models)), np.nan)
    for i, j in combinations(range(len(models)), 2):
        R = pairwise_association(values[i], kinds[i], values[j], kinds[j])
        pairwise[i, j] = pairwise[j, i] = pairwise_udr(R[np.ix_(informative[i], informative[j])])
    return [float(np.nanmedian(row)) for row in pairwise]


def model_centrality(
    models: Sequence[Model], recovered: Sequence[RecoveredCodes], on_progress: ProgressCallback = no_progress
) -> list[float]:
    """The mean FactorVAE score of each model with every other, in both directions (Lin et al., ICML 2020).

    The codes of one model, continuous ones in ten groups, are the factors of the images of its G; the other
    model's Q reads its codes off those images. Good models resemble each other.
    """
    B = np.zeros((len(models), len(models)))
    for i, j in permutations(range(len(models)), 2):
        on_progress(f"images of run {i + 1} of {len(models)}, encoded by run {j + 1}")
        data = CodesAndFactors.from_model(models[j], recovered[i].images)
        B[i, j] = factorvae(*data.train_test_split(), np.random.default_rng(0))["factorvae"]
    return [float(value) for value in (B + B.T).sum(axis=0) / (2 * (len(models) - 1))]


def udr_and_recovery(udr: Sequence[float], recovery: Sequence[float]) -> list[float]:
    """The mean of a run's scaled ranks by both scores, one value per run."""
    return [(a + b) / 2 for a, b in zip(scaled_ranks(udr), scaled_ranks(recovery), strict=True)]


def scaled_ranks(values: Sequence[float]) -> list[float]:
    """0 for the lowest of two or more values, 1 for the highest, equal steps between; ties share a rank."""
    return [float(rank - 1) / (len(values) - 1) for rank in rankdata(values)]


def _labelled_scores(models: Mapping[str, Model], images: Images) -> dict[str, dict[str, float]]:
    """The accuracy of the best discrete code, and the mean of the factors' strongest associations."""
    scores: dict[str, dict[str, float]] = {}
    for name, model in models.items():
        values = model.encode(images.pixels).values.numpy()
        categories = discrete_codes(values, model.latent)
        if images.labels is not None and categories and not why_not_scored(images.labels.numbers):
            is_known = images.labels.is_known
            labels = images.labels.numbers[is_known]
            error = min(one_to_one_error(labels, c[is_known]) for c in categories.values())
            scores.setdefault("one_to_one_accuracy", {})[name] = 1 - error
        if images.factors is not None:
            association = code_factor_association(values, model.latent.codes, images.factors)
            strongest = float(association.max(axis=0).mean())
            scores.setdefault("mean_strongest_association", {})[name] = strongest
    return scores


def _mean(scores: Mapping[str, Score]) -> float:
    """0 of no score."""
    return float(np.mean([score["value"] for score in scores.values()])) if scores else 0.0


def _spearman(a: Sequence[float], b: Sequence[float]) -> float:
    """Rank correlation; 0 if either is constant."""
    return float(spearmanr(a, b).statistic) if len(set(a)) > 1 and len(set(b)) > 1 else 0.0
