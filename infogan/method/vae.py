"""A variational autoencoder with InfoGAN's codes (Sec. 8: "can be applied to other methods like VAE").

The decoder is G and the encoder D's trunk, with Q's head for c and one for z in place of D's. Both together
lower minus the evidence lower bound (Kingma and Welling 2014),

    -E[log p(x|z, c)] + KL(q(z|x) || P(z)) + KL(Q(c|x) || P(c))    with z ~ q(z|x), c ~ Q(c|x),

and -λ L_I. Lemma 5.1 is about any G, so Eq. (5) is the same here.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from infogan.method.codes.code import gaussian_kl, standard_normal
from infogan.method.latent import Latent
from infogan.method.networks.blocks import DiscriminatorOutput

MAX_ABS_LOG_STD = 4.0  # of q(z|x)


def n_uniforms(latent: Latent) -> int:
    """How many uniform draws `draw` takes for each image."""
    return latent.n_z + sum(code.n_uniforms for code in latent.codes)


def draw(
    latent: Latent, real: DiscriminatorOutput, u: Float[Tensor, "n b"], target_codes: Sequence[int] = ()
) -> tuple[Float[Tensor, "b n_z"], list[Float[Tensor, "b _"]]]:
    """z ~ q(z|x) and c ~ Q(c|x) for real images x, with gradients to the encoder.

    Codes that Q learns by targets have none: the bound holds for any Q.
    """
    u_z, *u_c = torch.split(u, [latent.n_z, *(code.n_uniforms for code in latent.codes)])
    mean, std = posterior(real)
    z = mean + std * standard_normal(u_z).T
    q = [q_i.detach() if i in target_codes else q_i for i, q_i in enumerate(real.q)]
    c: list[Tensor] = []
    for i, (code, u_i) in enumerate(zip(latent.codes, u_c, strict=True)):
        c.append(code.draw(latent.given(i, c, q[i]), u_i))
    return to_prior(latent, z), c


def posterior(real: DiscriminatorOutput) -> tuple[Float[Tensor, "b n_z"], Float[Tensor, "b n_z"]]:
    """Mean and deviation of the Gaussian whose draws `to_prior` makes z."""
    mean, log_std = real.head.chunk(2, dim=1)
    return mean, log_std.clamp(-MAX_ABS_LOG_STD, MAX_ABS_LOG_STD).exp()


def to_prior(latent: Latent, z: Float[Tensor, "b n_z"]) -> Float[Tensor, "b n_z"]:
    """A draw of N(0, 1) as one of P(z): itself, or erf(z / sqrt 2) = 2 Φ(z) - 1, which is Unif(-1, 1).

    The map is one to one, so it leaves KL(q(z|x) || P(z)) as it is.
    """
    return z if latent.noise == "normal" else torch.erf(z / math.sqrt(2))


def kl_of_z(real: DiscriminatorOutput) -> Float[Tensor, "b"]:
    """KL(q(z|x) || P(z)) in nats."""
    return gaussian_kl(*posterior(real)).sum(dim=1)


def reconstruction_error(
    x: Float[Tensor, "b ch h w"], mean: Float[Tensor, "b ch h w"], std: float
) -> Float[Tensor, "b"]:
    """-log p(x|z, c) in nats, with p(x|z, c) = N(G(z, c), std); a density, so it may be negative."""
    d = x[0].numel()
    return d / 2 * math.log(2 * math.pi * std**2) + (x - mean).square().flatten(1).sum(dim=1) / (2 * std**2)
