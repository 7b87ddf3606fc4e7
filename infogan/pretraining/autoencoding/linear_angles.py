"""The stage that reads several angles off images linearly, before an autoencoder looks for the rest."""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from infogan.config import Config
from infogan.data.images import PixelArray
from infogan.method.model import Model
from infogan.pretraining.autoencoding.circles import find_circles
from infogan.pretraining.encoder import SIDE, resized
from infogan.pretraining.ranks import to_targets
from infogan.pretraining.stage import Outcome, Stage, Targets
from infogan.utils.rng import make_rng

if TYPE_CHECKING:
    from lightning_fabric import Fabric

MAX_IMAGES = 10_000  # that components are made of; all are read
CHUNK = 500


@final
class LinearAngles(Stage):
    """Targets for circular codes, all or none; it takes seconds, and counts no steps.

    Angles are not ranked. The cosine and sine of a pair are uncorrelated and of equal variance, so they are
    near the uniform distribution; ranks would draw few hues apart into many.
    """

    n_steps = 0

    def __init__(
        self, model: Model, pixels: PixelArray, config: Config, fabric: "Fabric", codes: Sequence[int]
    ) -> None:
        """
        Args:
            codes: the circular codes that angles are looked for.
        """
        self.latent, self.pixels, self.fabric = model.latent, pixels, fabric
        self.codes, self.seed = codes, config.run.seed

    def run(self, earlier: Targets) -> Iterator[int]:
        rng = make_rng(self.seed, "linear angles")
        index = torch.randperm(len(self.pixels), generator=rng)[:MAX_IMAGES]
        x = np.concatenate([self._take(part) for part in torch.split(index, CHUNK)])
        yield 0
        seed = int(torch.randint(2**31, (), generator=rng))
        circles = find_circles(x, len(self.codes), np.random.default_rng(seed))
        names = ", ".join(self.latent.names[code] for code in self.codes)
        if circles is None:
            self.outcome = Outcome(Targets(), f"linear angles: none found for {names}")
            return
        parts = []
        for part in torch.split(torch.arange(len(self.pixels)), CHUNK):
            parts.append(torch.from_numpy(circles.read(self._take(part))).float())
            yield 0
        angles = self.fabric.broadcast(torch.cat(parts)) / math.pi
        tables = {
            code: to_targets(v, self.latent.codes[code]) for code, v in zip(self.codes, angles.T, strict=True)
        }
        self.outcome = Outcome(Targets(tables), f"linear angles: read off principal components for {names}")

    def _take(self, index: Int[Tensor, "n"]) -> Float[np.ndarray, "n p"]:
        """Images of 32x32 pixels, in [0, 1], as vectors."""
        x: np.ndarray = (resized(self.pixels.take(index).float(), SIDE).flatten(1) / 255).cpu().numpy()
        return x
