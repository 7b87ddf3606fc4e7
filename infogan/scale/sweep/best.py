"""The best run of a sweep, chosen without labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np

from infogan.data import Images, LoadOptions, available_splits
from infogan.evaluation.consistency import recover_codes, recovery_scores
from infogan.evaluation.selection import LABEL_FREE, N_IMAGES, udr, udr_and_recovery
from infogan.method.model import Model
from infogan.runs.run import Run
from infogan.scale.sweep.results import RunResult
from infogan.utils.errors import InfoganError
from infogan.utils.progress import ProgressCallback
from infogan.utils.rng import make_rng

CRITERION = "udr_and_recovery"
SCORES = (CRITERION, "udr", "recovery")  # the fast ones of LABEL_FREE; `infogan select` has the others
DESCRIPTIONS = {name: LABEL_FREE[name] for name in SCORES}


@final
@dataclass(frozen=True)
class BestRun:
    """The best run and the label-free scores of all finished runs, or why none was chosen."""

    run: str | None = None
    why_none: str = ""
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # run -> score -> value

    @property
    def score_names(self) -> tuple[str, ...]:
        return SCORES if self.scores else ()

    def score(self, run: str, name: str) -> float | None:
        return self.scores.get(run, {}).get(name)


def choose_best(
    results: Sequence[RunResult], load_options: LoadOptions, on_progress: ProgressCallback, *, stopped: bool
) -> BestRun:
    """The finished run with the highest `udr_and_recovery`."""
    done = [result for result in results if result.evaluation is not None]
    if stopped:
        return BestRun(why_none="the sweep was stopped; the best run is chosen once all have ended")
    if len(done) < 2:
        return BestRun(why_none="it takes at least two finished runs")
    name = done[0].trial.config.data.images
    if any(result.trial.config.data.images != name for result in done):
        return BestRun(why_none="the runs were trained on different images")
    runs = [Run.open(result.trial.path) for result in done]
    try:
        images = runs[0].images(available_splits(name, load_options)[0], load_options)
        scores = label_free_scores({str(run.path): run.model() for run in runs}, images, on_progress)
    except InfoganError as error:
        return BestRun(why_none=str(error))
    return BestRun(max(scores, key=lambda run: scores[run][CRITERION]), scores=scores)


def label_free_scores(
    models: Mapping[str, Model], images: Images, on_progress: ProgressCallback
) -> dict[str, dict[str, float]]:
    """SCORES for two or more models, by name, the same as `evaluation.selection.select` computes."""
    codes, recovery = [], []
    for name, model in models.items():
        on_progress(f"{name}: reading codes off generated images")
        codes.append(recover_codes(model, make_rng(0, "recovery")))
        recovered = recovery_scores(model, codes[-1])
        recovery.append(float(np.mean([s["value"] for s in recovered.values()])))
    udrs = udr(list(models.values()), codes, images.subsample(N_IMAGES), on_progress)
    ranks = udr_and_recovery(udrs, recovery)
    return {
        name: dict(zip(SCORES, values, strict=True))
        for name, *values in zip(models, ranks, udrs, recovery, strict=True)
    }
