"""What is learned from real images before adversarial training: stages that find soft targets for codes."""

from typing import TYPE_CHECKING

from infogan.config import Config
from infogan.data.images import PixelArray
from infogan.data.labels import Labels
from infogan.method.model import Model
from infogan.pretraining.stage import Outcome, Stage, Stages, Targets

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["Outcome", "Stage", "Targets", "make_stage"]


def make_stage(
    model: Model, pixels: PixelArray, config: Config, fabric: "Fabric", labels: Labels | None = None
) -> Stage:
    """The stages that a config asks for, as one.

    Args:
        labels: the classes of some images that clusters are to be named after, as `named_classes`.
    """
    settings = config.pretraining
    stages: list[Stage] = []
    # Stages are imported when a config asks for them: scikit-learn, which they use, takes a second to import.
    if settings.transforms:
        from infogan.pretraining.clustering import Clustering, reduced

        stages.append(Clustering(*reduced(model, pixels, config), fabric, labels))
    if settings.knobs:
        from infogan.pretraining.equivariance import Equivariance

        stages.append(Equivariance(model, pixels, config, fabric))
    if settings.factor_steps:
        from infogan.pretraining.autoencoding import make_autoencoding

        stages += make_autoencoding(model, pixels, config, fabric)
    return stages[0] if len(stages) == 1 else Stages(*stages)
