"""What an autoencoder reads off images, and which of it tells something."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

MIN_INFORMATION = 0.1  # nats, below which a latent is unused: its ranks would be noise


class Latents(NamedTuple):
    """What one run reads off images."""

    mean: Float[Tensor, "n d"]
    information: Float[Tensor, "d"]  # `Posterior.information` in the mean over images, in nats
    n_angles: int  # the first of the latents

    @property
    def informative(self) -> Bool[Tensor, "d"]:
        """Which latents tell something."""
        return self.information > MIN_INFORMATION

    def used(self, kind: str) -> list[int]:
        """The angles, or the numbers, that tell something, the most informative first."""
        order: list[int] = self.information.argsort(descending=True).tolist()
        return [j for j in order if self.informative[j] and (j < self.n_angles) == (kind == "angle")]

    def as_numbers(self) -> Float[Tensor, "n _"]:
        """Angles as cosine and sine, which have no jump."""
        angles, numbers = self.mean[:, : self.n_angles], self.mean[:, self.n_angles :]
        return torch.cat([angles.cos(), angles.sin(), numbers], dim=1)

    def informative_numbers(self) -> Bool[Tensor, "_"]:
        """Which columns of `as_numbers` tell something."""
        angles, numbers = self.informative[: self.n_angles], self.informative[self.n_angles :]
        return torch.cat([angles, angles, numbers])
