"""The R1 gradient penalty."""

from typing import final

import torch
from torch import Tensor

from infogan.method.terms.term import Batch, Term, TermValue


@final
class R1(Term):
    """E[|∇_x logit(x)|²] at real images x: the penalty is on D's logit, not on D(x) = sigmoid(logit(x)).

    Mescheder, Geiger and Nowozin 2018, "Which Training Methods for GANs do actually Converge?", Eq. (9), in
    which D(x) is the logit. It keeps D flat where the data are, so that training converges near the
    equilibrium. Its weight is the paper's γ / 2. It is not in nats.
    """

    player, name = "D", "r1"

    def __init__(self, weight: float) -> None:
        self.weight = weight

    def __call__(self, batch: Batch, u: Tensor) -> TermValue:
        assert batch.x_real is not None
        gradient = torch.func.grad(lambda x: batch.D(x).logit.sum())(batch.x_real)
        return TermValue(gradient.square().flatten(1).sum(dim=1).mean(), {})
