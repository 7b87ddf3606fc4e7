"""A small autoencoder whose latents are nearly independent: the beta-TCVAE (Chen et al., NeurIPS 2018)."""

import math
from itertools import pairwise
from typing import NamedTuple, final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from infogan.pretraining.equivariance.encoder import SIDE, WIDTHS, Encoder

PIXEL_WEIGHT = (64 / SIDE) ** 2  # as if there were 64x64 pixels, for which beta is chosen
MIN_LOG_VAR, MAX_LOG_VAR = -8.0, 4.0


class Posterior(NamedTuple):
    """q(z|x): a Gaussian for each latent of each image."""

    mean: Float[Tensor, "b d"]
    log_var: Float[Tensor, "b d"]

    def sample(self, noise: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """z, from draws of N(0, 1)."""
        return self.mean + (self.log_var / 2).exp() * noise

    def information(self) -> Float[Tensor, "b d"]:
        """KL(q(z|x) || N(0, 1)) of each latent, in nats."""
        return 0.5 * (self.mean.square() + self.log_var.exp() - 1 - self.log_var)


@final
class VAE(nn.Module):
    """Three convolutions of stride 2 and a hidden layer of 256, in both directions."""

    def __init__(self, channels: int, n_latents: int, rng: torch.Generator) -> None:
        super().__init__()
        self.encoder = Encoder(channels, 2 * n_latents, rng)
        side = SIDE // 2 ** len(WIDTHS)
        widths = (*reversed(WIDTHS), channels)
        layers: list[nn.Module] = [
            nn.Linear(n_latents, 256),
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

    def encode(self, x: Float[Tensor, "b ch 32 32"]) -> Posterior:
        mean, log_var = self.encoder(x).float().chunk(2, dim=1)
        return Posterior(mean, log_var.clamp(MIN_LOG_VAR, MAX_LOG_VAR))

    def decode(self, z: Float[Tensor, "b d"]) -> Float[Tensor, "b ch 32 32"]:
        """Logits of the pixels."""
        logits: Tensor = self.decoder(z)
        return logits.float()


def beta_tcvae_loss(
    vae: VAE,
    x: Float[Tensor, "b ch 32 32"],
    noise: Float[Tensor, "b d"],
    beta: float,
    signs: Float[Tensor, "d"],
) -> Float[Tensor, ""]:
    """Minus the evidence lower bound, with the total correlation weighted by beta; in nats, per image.

    Args:
        x: pixels in [0, 1].
        noise: draws of N(0, 1).
        signs: 1 or -1, what a mirrored picture multiplies each latent by (`mirror_error`); if all are 1, no
            picture is mirrored.
    """
    q = vae.encode(x)
    z = q.sample(noise)
    errors = F.binary_cross_entropy_with_logits(vae.decode(z), x, reduction="none")
    reconstruction = PIXEL_WEIGHT * errors.flatten(1).sum(dim=1)
    loss = (reconstruction + q.information().sum(dim=1)).mean() + (beta - 1) * total_correlation(z, q)
    if bool((signs < 0).any()):
        loss = loss + mirror_error(q, vae.encode(x.flip(-1)), signs)
    return loss


def total_correlation(z: Float[Tensor, "b d"], q: Posterior) -> Float[Tensor, ""]:
    """An estimate of KL(q(z) || prod_j q(z_j)), in nats: 0 if the latents are independent.

    q(z) is the mean of q(z|x) over the images of the batch, which is minibatch-weighted sampling (App. C.1)
    without the number of images: it adds a constant to the logarithms, which has no gradient.
    """
    offset = z[:, None] - q.mean
    log_q = -0.5 * (math.log(2 * math.pi) + q.log_var + offset.square() / q.log_var.exp())  # b b d
    log_n = math.log(len(z))
    joint = log_q.sum(dim=2).logsumexp(dim=1) - log_n
    marginals = log_q.logsumexp(dim=1) - log_n
    return (joint - marginals.sum(dim=1)).mean()


def mirror_error(q: Posterior, mirrored: Posterior, signs: Float[Tensor, "d"]) -> Float[Tensor, ""]:
    """How far the latents of mirrored images are from `signs` times those of the images.

    The squared distance in units of the variance of q(z|x), summed over latents.
    """
    variance = (q.log_var.exp() + mirrored.log_var.exp()).detach() / 2
    return ((mirrored.mean - signs * q.mean).square() / variance).sum(dim=1).mean()
