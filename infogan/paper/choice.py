"""Which run a figure shows: the best of the seeds, as the paper chose; the middle one; one chosen blindly."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from infogan.data import Images
from infogan.data.images import PixelArray
from infogan.method.model import Model
from infogan.paper.effects import Effect
from infogan.runs.run import Run
from infogan.scale.sweep.best import CRITERION, label_free_scores
from infogan.utils.progress import ProgressCallback


def best_effect(effects: Sequence[Effect]) -> Effect:
    """The effect of the code of a run that shows best what a panel is about."""
    return max(effects, key=lambda effect: effect.rank)


def best_and_middle(effects: Mapping[str, Effect]) -> tuple[str, str]:
    """The run with the best effect, and the one in the middle; of an even number, the worse of the two."""
    order = sorted(effects, key=lambda run: effects[run].rank)
    return order[-1], order[(len(order) - 1) // 2]


def choose_without_labels(
    runs: Sequence[Path], pixels: PixelArray, on_progress: ProgressCallback
) -> str | None:
    """The name of the run that `infogan sweep` would choose, from pixels alone; None of fewer than two."""
    if len(runs) < 2:
        return None
    models: dict[str, Model] = {path.name: Run.open(path).model() for path in runs}
    scores = label_free_scores(models, Images(pixels), on_progress)
    return max(scores, key=lambda name: scores[name][CRITERION])
