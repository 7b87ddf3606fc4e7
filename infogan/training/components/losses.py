"""The loss of either player: the weighted sum of its terms, for one network."""

from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor

from infogan.config import Config
from infogan.method import vae
from infogan.method.diffaug import N_UNIFORMS, diffaug
from infogan.method.model import batch_statistics
from infogan.method.terms import Batch, make_terms
from infogan.method.terms.term import Player, Term
from infogan.training.components.seeds import Seeds

Uniforms = dict[str, Tensor]  # by the name of what needs them


@final
class Losses:
    """Computes the losses of D and G. Their only side effect: real images update D's running statistics."""

    def __init__(
        self, config: Config, seeds: Seeds, device: torch.device, target_codes: Sequence[int]
    ) -> None:
        self.config, self.seeds = config, seeds
        self.latent, self.low = seeds.models[0].latent, float(seeds.models[0].G.low or 0)
        self.terms = make_terms(config, device, target_codes)
        self.target_codes = target_codes
        self.device_type = device.type

    def of(self, player: Player) -> Sequence[Term]:
        return [term for term in self.terms if term.player == player]

    def n_uniforms(self, player: Player) -> dict[str, int]:
        """How many uniform draws per image each part of a player's loss needs."""
        augmented = ("x_real", "x_fake") if player == "D" else ("x_fake",)
        needed = dict.fromkeys(augmented, N_UNIFORMS) if self.config.data.diffaug else {}
        if player == "D" and self.config.terms.method == "vae":
            needed["posterior"] = vae.n_uniforms(self.latent)
        return needed | {term.name: term.n_uniforms for term in self.of(player) if term.n_uniforms}

    def loss_d(
        self,
        G: Any,
        D: Any,
        u: Uniforms,
        z: Tensor,
        c: list[Tensor],
        x_fake: Tensor,
        x_real: Tensor,
        *targets: Tensor,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss that D, Q and their trunk descend: -V(D, G) - λ L_I, and further terms of the config."""
        # Real and generated images pass D separately, each with its own batch statistics. Only the real ones
        # update the running statistics, which `Model.encode` uses on real images.
        x_real = self._augmented(x_real, u, "x_real")
        real = D(x_real)
        with batch_statistics(self.seeds.D), batch_statistics(self.seeds.G):
            fake = D(self._augmented(x_fake, u, "x_fake"), info_to_trunk=self.config.terms.info.to_trunk)
            # Its gradient reaches G as well, before G's step; see `Trainer.descend`.
            drawn = vae.draw(self.latent, real, u["posterior"], self.target_codes) if "posterior" in u else ()
            batch = Batch(
                latent=self.latent,
                low=self.low,
                G=G,
                D=D,
                z=z,
                c=c,
                x_fake=x_fake,
                fake=fake,
                x_real=x_real,
                real=real,
                x_reconstructed=G(*drawn) if drawn else None,
                targets=targets,
            )
            return self._sum("D", batch, u)

    def loss_g(
        self, G: Any, D: Any, u: Uniforms, z: Tensor, c: list[Tensor], x_fake: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss that G descends: -E[log D(G(z, c))] or its saturating form, -λ L_I, and further terms."""
        # Never with `info_to_trunk=False`: L_I reaches G through the trunk, whose weights are frozen here.
        with batch_statistics(self.seeds.D), batch_statistics(self.seeds.G):
            fake = D(self._augmented(x_fake, u, "x_fake"))
            return self._sum(
                "G",
                Batch(
                    latent=self.latent,
                    low=self.low,
                    G=G,
                    D=D,
                    z=z,
                    c=c,
                    x_fake=x_fake,
                    fake=fake,
                ),
                u,
            )

    def _augmented(self, x: Tensor, u: Uniforms, name: str) -> Tensor:
        return diffaug(x, u[name]) if name in u else x

    def _sum(self, player: Player, batch: Batch, u: Uniforms) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum of the terms, and all that is logged."""
        loss = batch.z.new_zeros(())
        metrics: dict[str, Tensor] = {}
        none = batch.z.new_empty(0, len(batch.z))
        for term in self.of(player):
            # A term, and its own calls of the networks, compute in the precision of the weights.
            with torch.autocast(self.device_type, enabled=False):
                value = term(batch, u.get(term.name, none))
            loss = loss + term.weight * value.loss
            metrics |= {term.name: value.loss, **value.metrics}
        return loss, {f"loss_{player.lower()}": loss, **metrics}
