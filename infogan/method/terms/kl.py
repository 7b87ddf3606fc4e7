"""The KL divergences of a VAE's posterior from the prior."""

from collections.abc import Sequence
from typing import final

from torch import Tensor

from infogan.method.terms.term import Batch, Term, TermValue
from infogan.method.vae import kl_of_z


@final
class KL(Term):
    """KL(q(z|x) || P(z)) + KL(Q(c|x) || P(c)) at real images x, in nats; logs each as `kl_z`, `kl_c1` ...

    A code with targets is logged, but not part of the sum.
    """

    player, name, weight = "D", "kl", 1.0

    def __init__(self, target_codes: Sequence[int]) -> None:
        self.target_codes = target_codes

    def __call__(self, batch: Batch, u: Tensor) -> TermValue:
        assert batch.real is not None
        latent = batch.latent
        q = [q_i.detach() if i in self.target_codes else q_i for i, q_i in enumerate(batch.real.q)]
        of_codes = [kl.mean() for kl in latent.kl(q)]
        loss = of_z = kl_of_z(batch.real).mean()
        for i, of_code in enumerate(of_codes):
            loss = loss if i in self.target_codes else loss + of_code
        names = (f"kl_{name}" for name in latent.names)
        return TermValue(loss, {"kl_z": of_z, **dict(zip(names, of_codes, strict=True))})
