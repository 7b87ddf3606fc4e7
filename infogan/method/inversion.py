"""GAN inversion: the z of a given image, which Q does not estimate.

An encoder E is trained on G's own samples to return z: E(x) is fitted to z at x = G(z, c), with z and c from
their priors. This is the sleep phase of App. B, for z. E has seen no real images, so for them its estimate is
only a starting point, which gradient descent on z then improves.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple, final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from infogan.method.model import CHUNK, Model, Pictures
from infogan.method.networks import DiscriminatorQ, init_weights
from infogan.method.networks.blocks import conv, fc
from infogan.method.vae import posterior, to_prior
from infogan.utils.rng import make_rng

# Training of E, by Adam.
STEPS, BATCH_SIZE, LEARNING_RATE = 1000, 128, 2e-3
# Descent on z, by Adam.
Z_LEARNING_RATE, BETAS = 0.1, (0.9, 0.99)
MAX_ABS_Z = {"normal": 3.0, "uniform": 1.0}  # z is clamped to this


@final
class Inversion:
    """The encoder E of z, with the model whose G it inverts. With n_z = 0, E is empty; a VAE has its own."""

    def __init__(self, model: Model, E: nn.Module) -> None:
        self.model = model
        self.E = E.eval()

    @torch.inference_mode()
    def estimate(self, x: Pictures) -> Float[Tensor, "n n_z"]:
        """E's estimate of z: fast, and on real images inaccurate.

        Raises:
            InfoganError: if the images do not have the model's shape.
        """
        self.model.check_shape(tuple(x.shape[1:]), "the images")
        if not self.model.latent.n_z:
            return torch.empty(len(x), 0)
        parts = torch.split(torch.from_numpy(x), CHUNK)
        return torch.cat([self.E(self.model.G.to_range(p.to(self.model.device))).cpu() for p in parts])

    def invert(
        self,
        x: Pictures,
        values: Float[Tensor, "n L"],
        steps: int = 40,
        z: Float[Tensor, "n n_z"] | None = None,
    ) -> Float[Tensor, "n n_z"]:
        """z by gradient descent on the mean squared difference of G(z, c) and x, with fixed c.

        Returns the best z found for each image, so never a worse one than the start.

        Args:
            values: the codes, as `Model.encode` returns them.
            steps: gradient steps; 0 returns the start.
            z: the start; by default what `estimate` returns.

        Raises:
            InfoganError: if the images do not have the model's shape.
        """
        self.model.check_shape(tuple(x.shape[1:]), "the images")
        z = self.estimate(x) if z is None else z
        if not z.numel():
            return z
        parts = zip(*(torch.split(t, CHUNK) for t in (torch.from_numpy(x), values, z)), strict=True)
        return torch.cat([self._descend(x_i, v_i, z_i, steps) for x_i, v_i, z_i in parts])

    def _descend(self, x: Tensor, values: Tensor, z: Tensor, steps: int) -> Tensor:
        """Adam written out, as torch.optim takes two seconds to import while the explorer's page waits."""
        G, device = self.model.G, self.model.device
        max_abs_z = MAX_ABS_Z[self.model.latent.noise]
        target = G.to_range(x.to(device))
        c = self.model.latent.embed(values.to(device))
        z = z.to(device).clone()  # autograd refuses a tensor made under inference_mode, but not its copy
        best, min_error = z.clone(), z.new_full((len(z),), torch.inf)
        mean, square = torch.zeros_like(z), torch.zeros_like(z)
        b1, b2 = BETAS
        for i in range(1, steps + 2):
            with torch.enable_grad():
                z = z.detach().requires_grad_()
                error = (G(z, c) - target).square().flatten(1).mean(dim=1)
                (g,) = torch.autograd.grad(error.sum(), z)
            better = error.detach() < min_error
            min_error = torch.where(better, error.detach(), min_error)
            best = torch.where(better[:, None], z.detach(), best)
            mean, square = b1 * mean + (1 - b1) * g, b2 * square + (1 - b2) * g**2
            direction = (mean / (1 - b1**i)) / ((square / (1 - b2**i)).sqrt() + 1e-8)
            learning_rate = Z_LEARNING_RATE * (1 - (i - 1) / (steps + 1))
            z = (z.detach() - learning_rate * direction).clamp(-max_abs_z, max_abs_z)
        return best.cpu()


class Progress(NamedTuple):
    """A step of the training of E."""

    n: int  # steps done
    steps: int  # in all
    inversion: Inversion  # usable at any step, accurate after the last


def learn_inversion(model: Model, seed: int = 0, steps: int = STEPS) -> Iterator[Progress]:
    """Trains E on G's own samples; yields after each step, so that the caller can show progress or stop."""
    inversion = Inversion(model, make_encoder(model))
    latent, device, E = model.latent, model.device, inversion.E
    if not latent.n_z or model.D.encodes_z:
        yield Progress(1, 1, inversion)
        return
    init_weights(E, make_rng(seed, "inversion weights"))
    rng = make_rng(seed, "inversion")
    optimizer = torch.optim.Adam(E.parameters(), LEARNING_RATE)
    for n in range(1, steps + 1):
        z, values = latent.sample_z(BATCH_SIZE, rng), model.sample_values(BATCH_SIZE, rng)
        with torch.no_grad():
            x = model.G(z.to(device), latent.embed(values.to(device)))
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * (1 - (n - 1) / steps)
        E.train()
        loss = F.mse_loss(E(x), z.to(device))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        E.eval()
        yield Progress(n, steps, inversion)


@final
class EncoderOfVAE(nn.Module):
    """The z at the median of q(z|x)."""

    def __init__(self, D: DiscriminatorQ) -> None:
        super().__init__()
        self.D = D

    def forward(self, x: Float[Tensor, "b ch h w"]) -> Float[Tensor, "b n_z"]:
        return to_prior(self.D.latent, posterior(self.D(x))[0])


def make_encoder(model: Model) -> nn.Module:
    """E on the model's device, its weights not yet initialised; of a VAE, its own encoder, as trained.

    Strided convolutions down to a side of 4 to 7 pixels, or two fully connected layers for vectors and for
    images below 8 pixels. A tanh keeps uniform z in its range.
    """
    if model.D.encodes_z:
        return EncoderOfVAE(model.D)
    (ch, h, w), n_z = model.G.shape, model.latent.n_z
    if not n_z:
        return nn.Sequential()
    lrelu = nn.LeakyReLU(0.1)
    head: list[nn.Module] = [nn.Tanh()] if model.latent.noise == "uniform" else []
    if model.G.low is None or min(h, w) < 8:
        layers = [nn.Flatten(), *fc(ch * h * w, 256, lrelu), *fc(256, 256, lrelu), nn.Linear(256, n_z)]
        return nn.Sequential(*layers, *head).to(model.device)
    depth = 1
    while min(h, w) >> (depth + 1) >= 4:
        depth += 1
    widths = [min(64, 16 << i) for i in range(depth)]
    down = [layer for n_in, n_out in pairwise([ch, *widths]) for layer in conv(n_in, n_out, lrelu)]
    n_features = widths[-1] * (h >> depth) * (w >> depth)
    top = [nn.Flatten(), *fc(n_features, 128, lrelu), nn.Linear(128, n_z)]
    return nn.Sequential(*down, *top, *head).to(model.device)
