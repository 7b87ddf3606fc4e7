"""The stages that find numbers for what varies in real images, by autoencoding them."""

from typing import TYPE_CHECKING

from infogan.config import Config
from infogan.config.knobs import assign_knobs, codes_without_knobs
from infogan.data.images import PixelArray
from infogan.method.model import Model
from infogan.pretraining.autoencoding.autoencoding import Autoencoding
from infogan.pretraining.autoencoding.linear_angles import LinearAngles
from infogan.pretraining.stage import Stage

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["make_autoencoding"]

SHARE_OF_MIRROR = 1 / 2  # of the steps, for what changes sign in the mirror


def make_autoencoding(model: Model, pixels: PixelArray, config: Config, fabric: "Fabric") -> list[Stage]:
    """For the codes without a knob: with `mirror`, first for numbers that change sign, then for the rest.

    Several angles are first looked for linearly. The rest includes numbers of knobs that cannot be read.
    """
    settings = config.pretraining
    free = codes_without_knobs(settings.knobs, config.codes.kinds_alone, settings.transforms)
    odd, even = free["number"][: settings.mirror or 0], free["number"][settings.mirror or 0 :]
    knobs = assign_knobs(settings.knobs, config.codes.kinds_alone, settings.transforms)
    of_knobs = [code for knob, codes in knobs.items() if knob != "rotate" for code in codes]
    n_steps = settings.factor_steps
    stages: list[Stage] = []
    if len(free["angle"]) > 1:
        stages.append(LinearAngles(model, pixels, config, fabric, free["angle"]))
    if odd:
        is_all = not even and not free["angle"]
        n_odd_steps = n_steps if is_all else int(SHARE_OF_MIRROR * n_steps)
        stages.append(
            Autoencoding(model, pixels, config, fabric, {"number": odd}, n_odd_steps, settings.mirror or 0)
        )
        n_steps -= n_odd_steps
    if n_steps:
        rest = {"angle": free["angle"], "number": [*even, *of_knobs]}
        stages.append(Autoencoding(model, pixels, config, fabric, rest, n_steps))
    return stages
