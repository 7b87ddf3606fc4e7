"""Pseudo-labels: Q learns on real images what pretraining found in them."""

from collections.abc import Sequence
from typing import final

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from infogan.config import Config
from infogan.config.transforms import parse_transforms
from infogan.method.latent import given_category
from infogan.method.objective import target_bound
from infogan.method.terms.term import Batch, Term, TermValue
from infogan.method.transforms import N_UNIFORMS, transform


@final
class PseudoLabel(Term):
    """-L_I(c; x) of Eq. (5) on real images x, with pretraining's soft targets for c; summed over these codes.

    Each code's part is multiplied by its λ over the largest λ, or by 1 if all λ are 0.
    Q reads each image as it is and, for categories, which transforms leave as they are, transformed as well;
    the bound is the mean of both. The target of a code under a category is one given the likeliest category
    k, and its bound that on I(c; x | k). Logs the bound of each code as `L_I_real_c1` ..., in nats.
    """

    player, name = "D", "pseudo_label"

    def __init__(self, config: Config, target_codes: Sequence[int]) -> None:
        self.weight = config.terms.pseudo_label.weight
        self.transforms = parse_transforms(config.pretraining.transforms)
        self.target_codes = target_codes
        largest = max(config.lam_per_code)
        self.weights = [lam / largest if largest else 1.0 for lam in config.lam_per_code]
        self.n_uniforms = N_UNIFORMS if any(self.transforms) else 0

    def __call__(self, batch: Batch, u: Float[Tensor, "n_uniforms b"]) -> TermValue:
        assert batch.x_real is not None
        assert batch.real is not None
        q = [batch.real.q]
        if self.n_uniforms:
            q.append(batch.D(transform(batch.x_real, self.transforms, u.to(batch.x_real), batch.low)).q)
        loss, metrics = batch.z.new_zeros(()), {}
        latent, targets = batch.latent, dict(zip(self.target_codes, batch.targets, strict=True))
        for i, c in targets.items():
            code = latent.codes[i]
            views = [view[i] for view in (q if code.kind == "category" else q[:1])]
            parent = None
            if i in latent.parents:
                k = targets[latent.parents[i]]
                parent = F.one_hot(k.argmax(dim=1), k.shape[1]).to(k.dtype)
                views = [given_category(parent, view) for view in views]
            bound = target_bound(code, c, *views, parent=parent)
            metrics[f"L_I_real_{latent.names[i]}"] = bound
            loss = loss - self.weights[i] * bound
        return TermValue(loss, metrics)
