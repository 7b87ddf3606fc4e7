"""The variational bound on the mutual information, which is what makes a GAN an InfoGAN."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from infogan.config import Config
from infogan.method.objective import info_bound
from infogan.method.terms.term import Batch, Player, Term, TermValue


@final
class Info(Term):
    """-λ L_I(G, Q), Eqs. (5) and (6), of either player; logs L_I of each code, in nats, in D's step.

    D's step leaves out the codes that Q learns from real images alone. Eq. (5) is a lower bound for any Q, so
    G can still raise it; and a Q that does not follow G's images rewards no pattern that real images lack.
    """

    def __init__(
        self, player: Player, config: Config, device: torch.device, target_codes: Sequence[int] = ()
    ) -> None:
        self.player = player
        self.name = f"info_{player.lower()}"
        self.weight = 1.0 if player == "D" or config.terms.info.to_generator else 0.0
        dtype = torch.float64 if config.run.precision == "64-true" else torch.float32
        self.lam = torch.tensor(config.lam_per_code, device=device, dtype=dtype)
        if player == "D" and config.terms.pseudo_label.q_learns_from == "real":
            self.lam[list(target_codes)] = 0

    def __call__(self, batch: Batch, u: Tensor) -> TermValue:
        q = batch.latent.given_parents(batch.c, batch.fake.q)
        L_I = info_bound(batch.latent.codes, batch.c, q)
        names = (f"L_I_{name}" for name in batch.latent.names)
        metrics = dict(zip(names, L_I.unbind(), strict=True)) if self.player == "D" else {}
        return TermValue(-(self.lam @ L_I), metrics)
