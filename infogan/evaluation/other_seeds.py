"""Whether trainings with other seeds find the codes of a run: the runs beside it that differ in the seed."""

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from infogan.config import Config
from infogan.data.images import as_pixels
from infogan.evaluation.disentanglement.association import pairwise_association
from infogan.method.model import Model, Pictures
from infogan.runs.run import Run
from infogan.utils.errors import InfoganError

MAX_RUNS = 4  # that are compared, to save time
MIN_AGREEMENT = 0.7  # from here on two codes are the same: the ranks of two numbers share half their variance
# Settings that may differ between two runs of the same experiment: of the machine, or found by training.
MAY_DIFFER = {
    *("seed", "precision", "device", "devices", "nodes", "log_every", "save_every"),
    *("shares", "binary", "bit_depth"),
}


class Match(NamedTuple):
    """The code of another run that agrees best with a code of this one."""

    run: str  # the name of its folder
    code: str  # c1, c2, ...
    agreement: float  # in [0, 1], as `pairwise_association`

    @property
    def is_same(self) -> bool:
        """Whether the other run has found this code."""
        return self.agreement >= MIN_AGREEMENT


def runs_of_other_seeds(run: Run) -> list[Run]:
    """The finished runs in the folder around this one with its settings but another seed, by name."""
    here = run.path.resolve()
    found: list[Run] = []
    for path in sorted(file.parent for file in here.parent.glob("*/config.json") if file.parent != here):
        with suppress(InfoganError):  # of a run that another version made
            other = Run.open(path)
            if _is_other_seed(run.config, other.config) and other.steps >= run.config.optimisation.steps:
                found.append(other)
    return found[:MAX_RUNS]


def best_matches(
    model: Model, values: Float[np.ndarray, "n L"], x: Pictures, others: Sequence[Run]
) -> list[list[Match]]:
    """For each code of a model, the code of the same kind in each other run that agrees best with it.

    Args:
        values: the codes of the images x, as `Model.encode` returns them.
        others: runs whose networks take images of this shape; one without a valid checkpoint is left out.
    """
    kinds = np.array([code.kind for code in model.latent.codes])
    found: list[list[Match]] = [[] for _ in kinds]
    for run in others:
        with suppress(InfoganError):
            other = run.model()
            of_other = other.encode(as_pixels(x)).values.numpy().astype(float)
            kinds_of_other = np.array([code.kind for code in other.latent.codes])
            R = pairwise_association(values, kinds.tolist(), of_other, kinds_of_other.tolist())
            R = np.where(kinds[:, None] == kinds_of_other, R, 0.0)
            for of_code, row in zip(found, R, strict=True):
                j = int(row.argmax())
                of_code.append(Match(run.path.name, other.latent.names[j], float(row[j])))
    return found


def _is_other_seed(a: Config, b: Config) -> bool:
    one, other = a.options(), b.options()
    same = all(one[name] == other[name] for name in one if name not in MAY_DIFFER)
    return same and a.run.seed != b.run.seed
