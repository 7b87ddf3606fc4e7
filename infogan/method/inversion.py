"""z of a given image, which Q does not read: by an encoder E learned from G's own samples, then by descent.

The sleep phase of App. B, for z: E(x) is fitted to z at x = G(z, c), with z and c from their priors and G as
training left it. E knows no other images, so on real ones its estimate is a start, from which gradient steps
on z bring G(z, c) nearer to the image.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple, final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from infogan.method.model import CHUNK, Model, Pictures
from infogan.method.networks import init_weights
from infogan.method.networks.blocks import conv, fc
from infogan.utils.rng import make_rng

STEPS, BATCH, RATE = 1000, 128, 2e-3  # of E's Adam
STEP, DECAYS = 0.1, (0.9, 0.99)  # of the descent on z: the first step, and Adam's means
NORMAL_REACH = 3.0  # how far from 0 a z ~ N(0, 1) is let go; a uniform one stays in [-1, 1]


@final
class Inversion:
    """E beside the model whose G it was fitted to. With n_z = 0 there is nothing to find, and E is empty."""

    def __init__(self, model: Model, E: nn.Sequential) -> None:
        self.model = model
        self.E = E.eval()

    @torch.inference_mode()
    def estimate(self, x: Pictures) -> Float[Tensor, "n n_z"]:
        """z as E reads it off images, in a moment.

        Raises:
            InfoganError: for images of another shape.
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
        """z by descent on the squared difference of the pixels of G(z, c) and x; c stays.

        Of each image the best z that was met is kept, so it is no worse than where it began.

        Args:
            values: the codes, as `Model.encode` gives them.
            steps: 0 leaves z as it is.
            z: where to begin; what `estimate` gives if not said.

        Raises:
            InfoganError: for images of another shape.
        """
        self.model.check_shape(tuple(x.shape[1:]), "the images")
        z = self.estimate(x) if z is None else z
        if not z.numel():
            return z
        parts = zip(*(torch.split(t, CHUNK) for t in (torch.from_numpy(x), values, z)), strict=True)
        return torch.cat([self._descend(x_i, v_i, z_i, steps) for x_i, v_i, z_i in parts])

    def _descend(self, x: Tensor, values: Tensor, z: Tensor, steps: int) -> Tensor:
        """Adam, written out: torch's takes two seconds to load, and a page waits for this."""
        G, device = self.model.G, self.model.device
        reach = NORMAL_REACH if self.model.latent.noise == "normal" else 1.0
        wanted = G.to_range(x.to(device))
        c = self.model.latent.embed(values.to(device))
        # A tensor made under inference_mode takes no part in autograd, a copy does.
        z = z.to(device).clone()
        best, least = z.clone(), z.new_full((len(z),), torch.inf)
        mean, square = torch.zeros_like(z), torch.zeros_like(z)
        b1, b2 = DECAYS
        for i in range(1, steps + 2):
            with torch.enable_grad():
                z = z.detach().requires_grad_()
                error = (G(z, c) - wanted).square().flatten(1).mean(dim=1)
                (g,) = torch.autograd.grad(error.sum(), z)
            better = error.detach() < least
            least = torch.where(better, error.detach(), least)
            best = torch.where(better[:, None], z.detach(), best)
            mean, square = b1 * mean + (1 - b1) * g, b2 * square + (1 - b2) * g**2
            direction = (mean / (1 - b1**i)) / ((square / (1 - b2**i)).sqrt() + 1e-8)
            rate = STEP * (1 - (i - 1) / (steps + 1))  # ever smaller, so that it settles
            z = (z.detach() - rate * direction).clamp(-reach, reach)
        return best.cpu()


class Progress(NamedTuple):
    """How far the learning of E has come."""

    n: int  # updates done
    steps: int  # of so many
    inversion: Inversion  # usable at any time, good at the end


def learn_inversion(model: Model, seed: int = 0, steps: int = STEPS) -> Iterator[Progress]:
    """Fits E to G's own samples, an update at a time: whoever loops may show progress, or do other work."""
    inversion = Inversion(model, make_encoder(model))
    latent, device, E = model.latent, model.device, inversion.E
    if not latent.n_z:
        yield Progress(1, 1, inversion)
        return
    init_weights(E, make_rng(seed, "inversion weights"))
    rng = make_rng(seed, "inversion")
    optimizer = torch.optim.Adam(E.parameters(), RATE)
    for n in range(1, steps + 1):
        z, values = latent.sample_z(BATCH, rng), model.sample_values(BATCH, rng)
        with torch.no_grad():
            x = model.G(z.to(device), latent.embed(values.to(device)))
        for group in optimizer.param_groups:
            group["lr"] = RATE * (1 - (n - 1) / steps)
        E.train()
        loss = F.mse_loss(E(x), z.to(device))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        E.eval()
        yield Progress(n, steps, inversion)


def make_encoder(model: Model) -> nn.Sequential:
    """E, on the model's device, its weights still to be drawn: half as large with each layer, thin.

    Vectors, and pictures too low for that, pass two full layers. A tanh keeps uniform z in its range.
    """
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
