"""A small autoencoder whose latents are nearly independent: the beta-TCVAE (Chen et al., NeurIPS 2018).

Beside numbers it can have angles, for what goes around, as a chair on a turntable does: on a number, the two
ends of a full turn, which look the same, would be far apart.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from infogan.pretraining.encoder import SIDE, WIDTHS, Encoder
from infogan.utils.torch_state import to_channels_last

PIXEL_WEIGHT = (64 / SIDE) ** 2  # as if there were 64x64 pixels, for which beta is chosen
MIN_LOG_VAR, MAX_LOG_VAR = -8.0, 4.0
MAX_LOG_VAR_OF_ANGLE = 1.2  # a deviation of a third of a turn, at which nothing is known
FIRST_LOG_VAR_OF_ANGLE = -2.0
EARLIER_STD = 0.5  # of the kernels that stand for targets of earlier stages
FIRST_GAIN_STD = 0.1


class Posterior(NamedTuple):
    """q(z|x): for each latent of each image a Gaussian, for angles one that is wound around the circle."""

    mean: Float[Tensor, "b d"]
    log_var: Float[Tensor, "b d"]
    n_angles: int = 0  # the first of the latents, in radians

    def sample(self, noise: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """z, from draws of N(0, 1)."""
        return self.mean + (self.log_var / 2).exp() * noise

    def information(self) -> Float[Tensor, "b d"]:
        """KL(q(z|x) || p(z)) of each latent, in nats; p is N(0, 1), for angles the uniform distribution."""
        numbers = 0.5 * (self.mean.square() + self.log_var.exp() - 1 - self.log_var)
        angles = math.log(2 * math.pi) - 0.5 * (math.log(2 * math.pi * math.e) + self.log_var)
        return torch.cat([angles[:, : self.n_angles].clamp_min(0), numbers[:, self.n_angles :]], dim=1)

    def difference(self, a: Float[Tensor, "... d"], b: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        """a - b; of angles the shorter way around."""
        off = a - b
        around = torch.remainder(off[..., : self.n_angles] + math.pi, 2 * math.pi) - math.pi
        return torch.cat([around, off[..., self.n_angles :]], dim=-1)


@final
class VAE(nn.Module):
    """Three convolutions of stride 2 and two hidden layers of 256, in both directions.

    The decoder is also given the targets of earlier stages, so that latents tell what these leave open. What
    is seen of a latent often depends on an angle: where an object grows, pixels change from the wall's hue
    to the object's. So angles of earlier stages also multiply the first hidden layer; if they were only
    added, other latents would hold such products.
    """

    def __init__(
        self,
        channels: int,
        n_angles: int,
        n_numbers: int,
        rng: torch.Generator,
        n_earlier: int = 0,
        earlier_angles: Sequence[int] = (),
    ) -> None:
        """
        Args:
            earlier_angles: which columns of `earlier` are cosines and sines.
        """
        super().__init__()
        self.n_angles, self.n_numbers = n_angles, n_numbers
        self.encoder = Encoder(channels, 3 * n_angles + 2 * n_numbers, rng)
        # Around 0 in each batch: where all vectors lie on one side of it, no angle goes around.
        self.centred = nn.BatchNorm1d(2 * n_angles, affine=False) if n_angles else nn.Identity()
        side = SIDE // 2 ** len(WIDTHS)
        widths = (*reversed(WIDTHS), channels)
        layers: list[nn.Module] = [
            nn.Linear(2 * n_angles + n_numbers + n_earlier, 256),
            nn.ReLU(),
            nn.Linear(256, 256),
            nn.ReLU(),
            nn.Linear(256, widths[0] * side**2),
            nn.Unflatten(1, (widths[0], side, side)),
        ]
        for n_in, n_out in pairwise(widths):
            layers += [nn.ReLU(), nn.ConvTranspose2d(n_in, n_out, 4, 2, 1)]
        self.decoder = nn.Sequential(*layers)
        for layer in layers:  # PyTorch's own initial weights, from this generator
            if isinstance(layer, nn.ConvTranspose2d | nn.Linear):
                nn.init.kaiming_uniform_(layer.weight, math.sqrt(5), generator=rng)
                bound = 1 / math.sqrt(layer.weight[0].numel())
                assert layer.bias is not None
                nn.init.uniform_(layer.bias, -bound, bound, generator=rng)
        self.earlier_angles = list(earlier_angles)
        self.gain: nn.Linear | None = None
        if earlier_angles:
            self.gain = nn.Linear(len(earlier_angles), 256, bias=False)
            nn.init.normal_(self.gain.weight, 0, FIRST_GAIN_STD, generator=rng)
        to_channels_last(self)

    def encode(self, x: Float[Tensor, "b ch 32 32"]) -> Posterior:
        """q(z|x)."""
        outputs = self.encoder(x).float()
        a = self.n_angles
        vectors = self.centred(outputs[:, : 2 * a]).reshape(len(x), a, 2)
        mean, log_var = outputs[:, 3 * a :].chunk(2, dim=1)
        angle = torch.atan2(vectors[..., 1], vectors[..., 0])
        log_var_of_angle = outputs[:, 2 * a : 3 * a] + FIRST_LOG_VAR_OF_ANGLE
        bounded = torch.cat(
            [
                log_var_of_angle.clamp(MIN_LOG_VAR, MAX_LOG_VAR_OF_ANGLE),
                log_var.clamp(MIN_LOG_VAR, MAX_LOG_VAR),
            ],
            dim=1,
        )
        return Posterior(torch.cat([angle, mean], dim=1), bounded, a)

    def decode(self, z: Float[Tensor, "b d"], earlier: Float[Tensor, "b e"]) -> Float[Tensor, "b ch 32 32"]:
        """Logits of the pixels; z may be only the first of the latents, and the others are 0 then."""
        angles, numbers = z[:, : self.n_angles], z[:, self.n_angles :]
        numbers = F.pad(numbers, (0, self.n_numbers - numbers.shape[1]))
        hidden: Tensor = self.decoder[:2](torch.cat([angles.cos(), angles.sin(), numbers, earlier], dim=1))
        if self.gain is not None:
            hidden = hidden * (1 + self.gain(earlier[:, self.earlier_angles]))
        logits: Tensor = self.decoder[2:](hidden)
        return logits.float()


def beta_tcvae_loss(
    vae: VAE,
    x: Float[Tensor, "b ch 32 32"],
    earlier: Float[Tensor, "b e"],
    noise: Float[Tensor, "b _"],
    beta: float,
    signs: Float[Tensor, "d"] | None,
    n_open: int | None = None,
) -> Float[Tensor, ""]:
    """Minus the evidence lower bound, with the total correlation weighted by beta; in nats, per image.

    Args:
        x: pixels in [0, 1].
        earlier: targets of earlier stages, of which the latents are to be independent.
        noise: draws of N(0, 1), one for each latent and each column of `earlier`.
        signs: 1 or -1, what a mirrored picture multiplies each latent by (`mirror_error`); with None, no
            picture is mirrored.
        n_open: how many of the latents take part, from the first; all by default.
    """
    q = vae.encode(x)
    d = q.mean.shape[1]
    n_open = d if n_open is None else n_open
    q = _first(q, n_open)
    z = q.sample(noise[:, :n_open])
    errors = F.binary_cross_entropy_with_logits(vae.decode(z, earlier), x, reduction="none")
    reconstruction = PIXEL_WEIGHT * errors.flatten(1).sum(dim=1)
    q_earlier = Posterior(earlier, torch.full_like(earlier, 2 * math.log(EARLIER_STD)))
    tc = total_correlation(z, q, (q_earlier.sample(noise[:, d:]), q_earlier))
    loss = (reconstruction + q.information().sum(dim=1)).mean() + (beta - 1) * tc
    if signs is not None:
        mirrored = vae.encode(x.flip(-1))
        loss = loss + mirror_error(q, _first(mirrored, n_open), signs[:n_open])
    return loss


def total_correlation(
    z: Float[Tensor, "b d"],
    q: Posterior,
    earlier: tuple[Float[Tensor, "b e"], Posterior] | None = None,
) -> Float[Tensor, ""]:
    """An estimate of KL(q(z) || prod_j q(z_j)), in nats: 0 if the latents are independent.

    q(z) is the mean of q(z|x) over the images of the batch, which is minibatch-weighted sampling (App. C.1)
    without the number of images: it adds a constant to the logarithms, which has no gradient.

    Args:
        earlier: targets of earlier stages, which count as latents, as draws and the posterior of these.
    """
    log_q = _log_densities(z, q)
    if earlier is not None:
        log_q = torch.cat([log_q, _log_densities(*earlier)], dim=2)
    log_n = math.log(len(z))
    joint = log_q.sum(dim=2).logsumexp(dim=1) - log_n
    marginals = log_q.logsumexp(dim=1) - log_n
    return (joint - marginals.sum(dim=1)).mean()


def mirror_error(q: Posterior, mirrored: Posterior, signs: Float[Tensor, "d"]) -> Float[Tensor, ""]:
    """How far the latents of mirrored images are from `signs` times those of the images.

    The squared distance in units of the variance of q(z|x), summed over latents.
    """
    variance = (q.log_var.exp() + mirrored.log_var.exp()).detach() / 2
    return (q.difference(mirrored.mean, signs * q.mean).square() / variance).sum(dim=1).mean()


def _log_densities(z: Float[Tensor, "b d"], q: Posterior) -> Float[Tensor, "b b d"]:
    """log q(z_i|x_j) of every draw i, image j and latent."""
    off = q.difference(z[:, None], q.mean)
    return -0.5 * (math.log(2 * math.pi) + q.log_var + off.square() / q.log_var.exp())


def _first(q: Posterior, n: int) -> Posterior:
    return q._replace(mean=q.mean[:, :n], log_var=q.log_var[:, :n])
