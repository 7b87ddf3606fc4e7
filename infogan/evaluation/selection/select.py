"""Which run of a sweep to take, without a single label: runs that agree with others, and with themselves."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypedDict

import numpy as np
from scipy.stats import rankdata, spearmanr

from infogan.data import Images
from infogan.evaluation.bound import info_bounds
from infogan.evaluation.clustering import count, one_to_one_error
from infogan.evaluation.consistency import ReadBack, read_back, recovery_scores, stability_scores
from infogan.evaluation.disentanglement.association import associations
from infogan.evaluation.evaluate import discrete
from infogan.evaluation.selection.model_centrality import model_centrality
from infogan.evaluation.selection.udr import udr
from infogan.method.model import Model
from infogan.utils.errors import InfoganError
from infogan.utils.rng import make_rng

N_IMAGES = 5_000  # real ones that are read

LABEL_FREE = {
    "udr_and_recovery": "mean of a run's ranks by the two, 0 for the last and 1 for the first by both",
    "udr": "codes of other runs that each code goes along with, and with no other (UDR, Duan et al. 2020)",
    "model_centrality": "FactorVAE score against the generators of the others (Lin et al. 2020)",
    "bound": "sum of L_I over the codes, nats",
    "recovery": "how well Q reads c off G(z, c), mean over the codes",
    "stability": "how far codes stay when an image is moved by a pixel, mean over the codes",
}
Say = Callable[[str], None]


class Selection(TypedDict):
    """What `select` found; runs are named, the best first."""

    by: str
    runs: dict[str, dict[str, float]]  # run -> label-free score -> value
    labelled: dict[str, dict[str, float]]  # labelled score -> run -> value, better where higher
    rank_correlation: dict[str, dict[str, float]]  # labelled score -> label-free score -> Spearman's rho


def select(models: Mapping[str, Model], batch: int, images: Images, by: str, say: Say) -> Selection:
    """Ranks runs by a label-free score; labels and factors serve only to say afterwards how good that was.

    Args:
        models: of the runs of a sweep, by the name of the run.
        batch: the batch size of training.
        images: real ones, of which 5,000 are read.
        by: one of LABEL_FREE.

    Raises:
        InfoganError: for fewer than two runs, or runs whose images differ in shape.
    """
    if len(models) < 2:
        raise InfoganError("select: a choice takes two runs at least; train more by infogan sweep.")
    some = images.subsample(N_IMAGES)
    x = some.x
    of_run: dict[str, dict[str, float]] = {}
    backs: list[ReadBack] = []
    for name, model in models.items():
        say(f"{name}: bound, recovery, stability")
        bounds = info_bounds(model, batch, make_rng(0, "evaluate"))
        backs.append(read_back(model, make_rng(0, "recovery")))
        recovered = recovery_scores(model, backs[-1])
        of_run[name] = {
            "bound": sum(s["value"] for s in bounds.values()),
            "recovery": float(np.mean([s["value"] for s in recovered.values()])),
            "stability": float(np.mean([s["value"] for s in stability_scores(model, x).values()])),
        }
    for name, value in zip(models, udr(list(models.values()), backs, some, say), strict=True):
        of_run[name]["udr"] = value
    for name, value in zip(models, model_centrality(list(models.values()), backs, say), strict=True):
        of_run[name]["model_centrality"] = value
    agree, recovery = ([of_run[name][score] for name in models] for score in ("udr", "recovery"))
    for name, value in zip(models, udr_and_recovery(agree, recovery), strict=True):
        of_run[name]["udr_and_recovery"] = value
    order = sorted(of_run, key=lambda name: -of_run[name][by])
    runs = {name: {score: of_run[name][score] for score in LABEL_FREE} for name in order}
    labelled = _labelled({name: models[name] for name in order}, some)
    correlation = {
        truth: {
            score: _spearman([runs[name][score] for name in order], [of[name] for name in order])
            for score in LABEL_FREE
        }
        for truth, of in labelled.items()
    }
    return Selection(by=by, runs=runs, labelled=labelled, rank_correlation=correlation)


def _labelled(models: Mapping[str, Model], images: Images) -> dict[str, dict[str, float]]:
    """Quality by what is known: the best discrete code against labels, the strongest code of each factor."""
    labelled: dict[str, dict[str, float]] = {}
    for name, model in models.items():
        values = model.encode(images.pixels).values.numpy()
        read = discrete(values, model.latent.codes)
        if images.labels is not None and read:
            n_labels = int(images.labels.max()) + 1
            errors = [
                one_to_one_error(count(v, images.labels, int(v.max()) + 1, n_labels)) for v in read.values()
            ]
            labelled.setdefault("one_to_one_accuracy", {})[name] = 1 - min(errors)
        if images.factors is not None:
            strength = associations(values, model.latent.codes, images.factors)
            labelled.setdefault("mean_strongest_association", {})[name] = float(strength.max(axis=0).mean())
    return labelled


def udr_and_recovery(udr: Sequence[float], recovery: Sequence[float]) -> list[float]:
    """The mean of a run's standings by the two, a number a run."""
    return [(a + b) / 2 for a, b in zip(standing(udr), standing(recovery), strict=True)]


def standing(values: Sequence[float]) -> list[float]:
    """0 for the lowest of two or more values, 1 for the highest, the others evenly between; ties share."""
    return [float(rank - 1) / (len(values) - 1) for rank in rankdata(values)]


def _spearman(a: Sequence[float], b: Sequence[float]) -> float:
    """Rank correlation; 0 where either does not vary."""
    return float(spearmanr(a, b).statistic) if len(set(a)) > 1 and len(set(b)) > 1 else 0.0
