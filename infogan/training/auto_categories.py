"""cat:auto: the number of categories, found by clustering before G, D and Q are made."""

from dataclasses import replace
from typing import TYPE_CHECKING

from rich.console import Console

from infogan.config import Config
from infogan.config.spec import DEFAULT_CATEGORIES, is_auto, with_categories
from infogan.data.images import Images
from infogan.method.model import make_model
from infogan.training.trainer import Trainer
from infogan.utils.errors import InfoganError
from infogan.utils.progress import progress_bar

if TYPE_CHECKING:
    from infogan.pretraining.clustering.count import Curve

CURVE_FILE = "category_counts.json"  # in the run folder


def count_categories(config: Config, images: Images, console: Console) -> tuple[Config, "Curve | None"]:
    """The config with a number in place of cat:auto, and the curve that says which; as it is without auto.

    Raises:
        InfoganError: if there are no transforms or too few images, or several processes share the work.
    """
    if not is_auto(config.codes.spec):
        return config, None
    # Imported for cat:auto alone: scikit-learn takes a second to import.
    from infogan.pretraining.clustering import Clustering
    from infogan.pretraining.clustering.count import MIN_IMAGES, count_clusters

    if not config.pretraining.transforms:
        raise InfoganError(
            f"config: codes is {config.codes.spec!r}, but without transforms nothing is clustered; set them, "
            f"or write a number, such as cat:{DEFAULT_CATEGORIES}."
        )
    if len(images) < MIN_IMAGES:
        raise InfoganError(
            f"config: codes is {config.codes.spec!r}, but {len(images)} images are too few to find a number "
            f"of categories, which takes {MIN_IMAGES}; write a number, such as cat:{DEFAULT_CATEGORIES}."
        )
    if config.run.devices * config.run.nodes > 1:
        raise InfoganError(
            "config: cat:auto is found in one process; set devices and nodes to 1, or a number."
        )
    alone = config.replace(
        codes=with_categories(config.codes.spec, DEFAULT_CATEGORIES),
        labels="",
        knobs="",
        factor_steps=0,
        mirror=None,
    )
    unlabelled = replace(images, training_labels=None)
    (stage,) = Trainer(alone, make_model(alone), unlabelled).stages()
    assert isinstance(stage, Clustering)
    with progress_bar("counting categories", stage.n_steps, console) as advance_to:
        counting = count_clusters(stage)
        while True:
            try:
                advance_to(next(counting))
            except StopIteration as end:
                curve: Curve = end.value
                break
    console.print(curve.message, soft_wrap=True, highlight=False)
    return config.replace(codes=with_categories(config.codes.spec, curve.k)), curve
