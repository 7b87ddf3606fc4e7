"""Pseudo-labels: Q learns on real images what pretraining found in them."""

from typing import final

from jaxtyping import Float
from torch import Tensor

from infogan.config import Config
from infogan.config.transforms import parse_transforms
from infogan.method.objective import target_bound
from infogan.method.terms.term import Batch, Term, TermValue
from infogan.method.transforms import N_UNIFORMS, transform


@final
class PseudoLabel(Term):
    """-E[log Q(k|x)] - H(k) with k ~ p(k|x), Eq. (5) on real images, as they are and transformed.

    p(.|x) is the soft target of the first discrete code for a real image x. Logs the bound as `L_I_real`,
    in nats.
    """

    player, name, n_uniforms = "D", "pseudo_label", N_UNIFORMS

    def __init__(self, config: Config) -> None:
        self.weight = config.terms.pseudo_label.weight
        self.transforms = parse_transforms(config.pretraining.transforms)

    def __call__(self, batch: Batch, u: Float[Tensor, "n_uniforms b"]) -> TermValue:
        assert batch.x_real is not None
        assert batch.real is not None
        assert batch.targets is not None
        transformed = batch.D(transform(batch.x_real, self.transforms, u.to(batch.x_real), batch.low))
        bound = target_bound(
            batch.targets, *(batch.latent.log_categories(out.q) for out in (batch.real, transformed))
        )
        return TermValue(-bound, {"L_I_real": bound})
