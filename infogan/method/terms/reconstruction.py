"""The reconstruction error of a VAE."""

from typing import final

from torch import Tensor

from infogan.method.terms.term import Batch, Term, TermValue
from infogan.method.vae import reconstruction_error


@final
class Reconstruction(Term):
    """-E[log p(x|z, c)] of a VAE, in nats per image; a part of minus the evidence lower bound.

    It is computed in D's step, as D encodes. Its gradient also flows into G, which uses it in its own step.

    Args:
        std: the deviation of a pixel from G's, as a share of white minus black; of vectors, in their unit.
    """

    player, name, weight = "D", "reconstruction", 1.0

    def __init__(self, std: float) -> None:
        self.std = std

    def __call__(self, batch: Batch, u: Tensor) -> TermValue:
        assert batch.x_real is not None
        assert batch.x_reconstructed is not None
        std = self.std * (1 - batch.low)
        return TermValue(reconstruction_error(batch.x_real, batch.x_reconstructed, std).mean(), {})
