"""What is learned from real images before adversarial training: stages that find soft targets for codes."""

from infogan.pretraining.clustering import Clustering
from infogan.pretraining.stage import Outcome, Stage, Targets

__all__ = ["Clustering", "Outcome", "Stage", "Targets"]
