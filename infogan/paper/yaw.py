"""Which way heads look in real images, for a data set that does not say it.

Nobody has measured the azimuth of CelebA's heads. Here a network finds it without a label, as the knob `yaw`
does: from how pictures change that are turned in depth, as if they were of balls. It has a seed of its own,
and is no network of a run that it helps to judge; but a run with the same knob shares its assumption.
"""

from dataclasses import replace

import numpy as np

from infogan.config import Config
from infogan.data.images import Factor, Factors, Images
from infogan.method.model import make_model
from infogan.pretraining import Targets
from infogan.training.trainer import Trainer
from infogan.utils.errors import InfoganError

SEED, STEPS = 1000, 3000


def with_yaw(images: Images) -> Images:
    """The images with one more factor, `azimuth`: the rank, in [-1, 1], of how far a head is turned right.

    Raises:
        InfoganError: if it cannot be read off the images.
    """
    config = Config.from_options(
        images="none",
        architecture="small",
        shape=images.shape,
        codes="unif:1 noise:1",
        knobs="yaw",
        knob_steps=STEPS,
        seed=SEED,
        device="cpu",
    )
    (stage,) = Trainer(config, make_model(config), images).stages()
    for _ in stage.run(Targets()):
        pass
    found = stage.outcome.targets.by_code
    if not found:
        raise InfoganError("fig6: no network can read off these images how far heads are turned.")
    known = Factors((), np.empty((len(images), 0))) if images.factors is None else images.factors
    values = np.concatenate([found[0][:, :1].double().numpy(), known.values], axis=1)
    return replace(images, factors=Factors((Factor("azimuth", "number"), *known.columns), values))
