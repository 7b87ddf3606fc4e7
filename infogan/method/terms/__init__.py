"""The summands of the losses of D and G, a file per term; `make_terms` lists those that a config uses."""

from collections.abc import Sequence

import torch

from infogan.config import Config
from infogan.method.terms.adversarial import AdversarialD, AdversarialG
from infogan.method.terms.info import Info
from infogan.method.terms.kl import KL
from infogan.method.terms.orthogonal_jacobian import OrthogonalJacobian
from infogan.method.terms.pseudo_label import PseudoLabel
from infogan.method.terms.r1 import R1
from infogan.method.terms.reconstruction import Reconstruction
from infogan.method.terms.term import Batch, Term, TermValue

__all__ = ["Batch", "Term", "TermValue", "make_terms"]


def make_terms(config: Config, device: torch.device, target_codes: Sequence[int] = ()) -> list[Term]:
    """The terms of both players' losses whose weights are not 0, in the order in which they are added.

    Args:
        target_codes: the codes that pretraining found targets for.
    """
    settings = config.terms
    is_vae = settings.method == "vae"
    terms: list[Term] = [
        *(
            [Reconstruction(settings.reconstruction.pixel_std), KL(target_codes)]
            if is_vae
            else [AdversarialD()]
        ),
        Info("D", config, device, target_codes),
        *([PseudoLabel(config, target_codes)] if target_codes else []),
        R1(settings.r1.weight),
        *([] if is_vae else [AdversarialG(saturating=settings.adversarial.saturating)]),
        Info("G", config, device),
        OrthogonalJacobian(settings.orthogonal_jacobian.weight),
    ]
    return [term for term in terms if term.weight]
