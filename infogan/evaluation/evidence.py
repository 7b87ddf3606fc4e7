"""Evidence for a code from outside its own run.

That is other seeds, targets of pretraining, and the quality of samples.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from infogan.config.knobs import codes_without_knobs
from infogan.data.images import as_pixels, subsample_index
from infogan.evaluation.disentanglement.association import pairwise_association
from infogan.evaluation.image_quality.metrics import density_coverage
from infogan.evaluation.other_seeds import MIN_AGREEMENT, Match, best_matches, runs_of_other_seeds
from infogan.method.codes import Kind
from infogan.method.model import Model, Pictures
from infogan.runs.run import Run
from infogan.utils.rng import make_rng

N_NEIGHBOURS = 5
MIN_IMAGES = 30  # that a stage has learned from, for an agreement with its targets to say anything
MIN_COVERAGE = 0.5  # of real images by generated ones, below which these show a code badly


class Evidence(NamedTuple):
    """Evidence for a code from outside its own run."""

    matches: Sequence[Match] = ()  # with each run of another seed
    target: str = ""  # what a stage before training found in real images for it to follow; "" if nothing
    coverage: float | None = None  # of real images by generated ones, `density_coverage`

    @property
    def found_by(self) -> int:
        """How many of the other seeds have this code."""
        return sum(match.is_same for match in self.matches)

    @property
    def support(self) -> str:
        """Why the code is more than an accident of this seed; "" if it may be one."""
        if self.matches and 2 * self.found_by >= len(self.matches):
            return f"it is found by {self._of_seeds()} too"
        return "" if self.matches else self.target

    @property
    def missing(self) -> tuple[str, ...]:
        """Why the code cannot be called reliable."""
        reasons = []
        if not self.support:
            reasons.append(
                f"it is found by only {self._of_seeds()}"
                if self.matches
                else "no other seed has been trained to see whether it finds this code too"
            )
        if self.coverage is not None and self.coverage < MIN_COVERAGE:
            reasons.append(f"generated images do not look like the real ones (coverage {self.coverage:.2f})")
        return tuple(reasons)

    def _of_seeds(self) -> str:
        n, best = len(self.matches), max(self.matches, key=lambda match: match.agreement)
        seeds = f"{self.found_by} of {n} other seed{'s' * (n != 1)}"
        return f"{seeds} (best {best.agreement:.2f}, with {best.code} of {best.run})"


def gather_evidence(
    run: Run,
    model: Model,
    x: Pictures,
    values: Float[np.ndarray, "n L"],
    index: Int[np.ndarray, "n"],
    n_total: int,
) -> list[Evidence]:
    """The evidence for each code of a run, from some of the real images.

    Args:
        values: the codes of the images, as `Model.encode` returns them.
        index: the images' places in the data set.
        n_total: images in the data set.
    """
    matches = best_matches(model, values, x, runs_of_other_seeds(run))
    targets = _followed_targets(run, model, values, index, n_total)
    coverage = None
    if len(x) > N_NEIGHBOURS:
        generated = model.sample(len(x), make_rng(0, "coverage"))
        real, fake = (model.features(as_pixels(images)).numpy() for images in (x, generated))
        coverage = density_coverage(real, fake, N_NEIGHBOURS)[1]
    return [Evidence(of_code, targets.get(i, ""), coverage) for i, of_code in enumerate(matches)]


def _followed_targets(
    run: Run, model: Model, values: Float[np.ndarray, "n L"], index: Int[np.ndarray, "n"], n_total: int
) -> dict[int, str]:
    """For each code that agrees with its targets, a sentence that says so.

    Its targets are clusters that a stage found again and again, or what a transform defines. Those of the
    factor stage do not count: nothing says of a single one whether it is found again.
    """
    if not run.config.pretraining.has_stages:
        return {}
    learned = subsample_index(n_total, run.config.data.max_images or n_total)
    _, rows, known = np.intersect1d(learned, index, assume_unique=True, return_indices=True)
    if len(known) < MIN_IMAGES:
        return {}
    settings, kinds = run.config.pretraining, run.config.codes.kinds_alone
    free = codes_without_knobs(settings.knobs, kinds, settings.transforms)
    found: dict[int, str] = {}
    for key, table in run.state().items():
        if not key.startswith("targets.") or len(table) != len(learned):
            continue  # no targets, or the data set has changed since they were found
        i = int(key.removeprefix("targets."))
        kind = model.latent.codes[i].kind
        codes, targets = values[known, i : i + 1], _as_values(table[rows].float(), kind)[:, None]
        agreement = float(pairwise_association(codes, [kind], targets, [kind])[0, 0])
        if agreement >= MIN_AGREEMENT and i not in (*free["number"], *free["angle"]):
            what = "stable clusters of real images" if kind == "category" else "its knob, on real images"
            found[i] = f"it follows {what} ({agreement:.2f})"
    return found


def _as_values(table: Float[Tensor, "n width"], kind: Kind) -> Float[np.ndarray, "n"]:
    """The values of a code whose columns, as G takes them, these are."""
    match kind:
        case "angle":
            values = torch.atan2(table[:, 1], table[:, 0])
        case "number":
            values = table[:, 0]
        case "category":
            values = table[:, 0] > 0.5 if table.shape[1] == 1 else table.argmax(dim=1)
    return values.numpy().astype(float)
