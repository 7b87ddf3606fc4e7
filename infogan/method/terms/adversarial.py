"""The adversarial game of Eq. (1), a term for either player."""

from typing import final

import torch.nn.functional as F
from torch import Tensor

from infogan.method.objective import gan_value
from infogan.method.terms.term import Batch, Term, TermValue


@final
class AdversarialD(Term):
    """D raises V(D, G) = E[log D(x)] + E[log(1 - D(G(z, c)))], Eq. (1)."""

    player, name, weight = "D", "adversarial_d", 1.0

    def __call__(self, batch: Batch, u: Tensor) -> TermValue:
        assert batch.real is not None
        return TermValue(-gan_value(batch.real.logit, batch.fake.logit), {})


@final
class AdversarialG(Term):
    """G descends E[log(1 - D(G(z, c)))] if `saturating`, as in Eq. (1), else -E[log D(G(z, c))].

    The original code uses the second form: it has the same fixed point, and its gradient does not vanish
    while D wins (Goodfellow et al. 2014, Sec. 3).
    """

    player, name, weight = "G", "adversarial_g", 1.0

    def __init__(self, *, saturating: bool) -> None:
        self.saturating = saturating

    def __call__(self, batch: Batch, u: Tensor) -> TermValue:
        logit = batch.fake.logit  # -softplus(a) = log(1 - sigmoid(a)), and softplus(-a) = -log sigmoid(a)
        return TermValue((-F.softplus(logit) if self.saturating else F.softplus(-logit)).mean(), {})
