"""The run of a sweep to go on with, chosen without a label."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np

from infogan.data import Images, LoadOptions, available_splits
from infogan.evaluation.consistency import recover_codes, recovery_scores
from infogan.evaluation.selection import LABEL_FREE, N_IMAGES, udr, udr_and_recovery
from infogan.method.model import Model
from infogan.runs.run import Run
from infogan.scale.sweep.results import Row
from infogan.utils.errors import InfoganError
from infogan.utils.rng import make_rng

BY = "udr_and_recovery"
NAMES = (BY, "udr", "recovery")  # of LABEL_FREE; the others take longer, and `infogan select` has them
MEANING = {name: LABEL_FREE[name] for name in NAMES}


@final
@dataclass(frozen=True)
class Choice:
    """The best run, and the label-free scores of all that are done; or why there is none."""

    run: str | None = None
    why_not: str = ""
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # run -> score -> value

    @property
    def names(self) -> tuple[str, ...]:
        return NAMES if self.scores else ()

    def of(self, run: str, name: str) -> float | None:
        return self.scores.get(run, {}).get(name)


def choose(
    rows: Sequence[Row], load_options: LoadOptions, say: Callable[[str], None], *, stopped: bool
) -> Choice:
    """The run with the best `udr_and_recovery` among those that are done; labels take no part."""
    done = [row for row in rows if row.evaluation is not None]
    if stopped:
        return Choice(why_not="the sweep was stopped; the best is chosen once all runs have ended")
    if len(done) < 2:
        return Choice(why_not="a choice takes two runs that are done")
    name = done[0].trial.config.data.images
    if any(row.trial.config.data.images != name for row in done):
        return Choice(why_not="the runs learned from different images")
    runs = [Run.open(row.trial.path) for row in done]
    try:
        images = runs[0].images(available_splits(name, load_options)[0], load_options)
        found = label_free({str(run.path): run.model() for run in runs}, images, say)
    except InfoganError as error:
        return Choice(why_not=str(error))
    return Choice(max(found, key=lambda run: found[run][BY]), scores=found)


def label_free(
    models: Mapping[str, Model], images: Images, say: Callable[[str], None]
) -> dict[str, dict[str, float]]:
    """The scores of NAMES for two models or more, as `evaluation.selection` has them."""
    backs, recovery = [], []
    for name, model in models.items():
        say(f"{name}: codes read off generated images")
        backs.append(recover_codes(model, make_rng(0, "recovery")))
        recovered = recovery_scores(model, backs[-1])
        recovery.append(float(np.mean([s["value"] for s in recovered.values()])))
    agree = udr(list(models.values()), backs, images.subsample(N_IMAGES), say)
    by = udr_and_recovery(agree, recovery)
    return {
        name: dict(zip(NAMES, scores, strict=True))
        for name, *scores in zip(models, by, agree, recovery, strict=True)
    }
