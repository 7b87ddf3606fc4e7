"""The stage: numbers for what varies in real images, such as azimuth, light or hair, by autoencoding them.

No transform of the picture's plane makes these, so they cannot be knobs. A beta-TCVAE encodes every image in
a few latents that are nearly independent, as the codes are. Its result depends on its initial weights, so it
is trained several times, and the run is kept whose latents the other runs find too. The most informative
latents, as ranks, are targets for the codes.

Without `mirror` there is no prior but the one of every beta-VAE. With it there is: name it beside every
result that uses it.
"""

import math
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, NamedTuple, final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from infogan.config import Config
from infogan.config.knobs import numbers_without_knobs
from infogan.config.parts import N_LATENTS
from infogan.data.images import PixelArray
from infogan.method.model import Model
from infogan.pretraining.equivariance.encoder import SIDE, resized
from infogan.pretraining.factors.choice import udr
from infogan.pretraining.factors.vae import VAE, Posterior, beta_tcvae_loss
from infogan.pretraining.ranks import from_uniform, ranks
from infogan.pretraining.stage import Outcome, Stage, Targets
from infogan.utils.errors import NonFiniteError
from infogan.utils.rng import make_rng

if TYPE_CHECKING:
    from lightning_fabric import Fabric

N_RUNS = 3
MAX_IMAGES = 50_000  # that are learned from; all are read
N_COMPARED = 5_000  # images on which runs are compared
BATCH_SIZE = 128
LEARNING_RATE = 1e-3
WARM_UP = 0.05  # of the steps
BETA = 6.0
MIN_INFORMATION = 0.1  # nats, below which a latent is unused: its ranks would be noise
CHUNK = 500


class Latents(NamedTuple):
    """What one run reads off images."""

    mean: Float[Tensor, "n d"]
    information: Float[Tensor, "d"]  # KL(q(z|x) || N(0, 1)) in the mean over images, in nats

    @property
    def used(self) -> list[int]:
        """The latents that tell something, the most informative first."""
        order: list[int] = self.information.argsort(descending=True).tolist()
        return [j for j in order if self.information[j] > MIN_INFORMATION]


@final
class Factors(Stage):
    """Targets for the uniform and Gaussian codes that no knob uses.

    The result is the same for the same config and images; an interrupted stage has to start again.
    """

    def __init__(self, model: Model, pixels: PixelArray, config: Config, fabric: "Fabric") -> None:
        settings = config.pretraining
        self.latent, self.pixels, self.fabric = model.latent, pixels, fabric
        self.codes = numbers_without_knobs(settings.knobs, config.codes.kinds, settings.transforms)
        self.n_steps, self.seed, self.device = settings.factor_steps, config.run.seed, fabric.device
        self.signs = torch.ones(N_LATENTS, device=self.device)
        self.signs[: settings.mirror] = -1

    def run(self, found: Targets) -> Iterator[int]:
        """
        Raises:
            NonFiniteError: if the loss is NaN.
        """
        index = torch.randperm(len(self.pixels), generator=make_rng(self.seed, "factors sample"))
        self.x = torch.cat([self._take(part) for part in torch.split(index[:MAX_IMAGES], CHUNK)])
        runs = []
        for i in range(N_RUNS):
            start, end = (self.n_steps * j // N_RUNS for j in (i, i + 1))
            vae = VAE(self.pixels.shape[0], N_LATENTS, make_rng(self.seed, f"factors weights {i}"))
            runs.append(vae.to(self.device))
            rng = make_rng(self.seed, f"factors {i}", self.device)
            for n_done in self._descend(runs[-1], rng, end - start):
                yield start + n_done
        compared = [self._read(vae, self.x[:N_COMPARED]) for vae in runs]
        scores = udr(
            [each.mean for each in compared], [each.information > MIN_INFORMATION for each in compared]
        )
        best = max(range(N_RUNS), key=scores.__getitem__)
        latents = yield from self._read_all(runs[best])
        latents = self.fabric.broadcast(latents)
        codes = [code for code in self.codes if code not in found.tables]
        self.outcome = Outcome(self._targets(latents, codes), self._message(latents, codes, scores, best))

    def _descend(self, vae: VAE, rng: torch.Generator, n_steps: int) -> Iterator[int]:
        adam = torch.optim.Adam(vae.parameters(), LEARNING_RATE, betas=(0.9, 0.99), fused=True)
        loss = torch.zeros(())
        for i in range(n_steps):
            warm_up = min(1, (i + 1) / (WARM_UP * n_steps))
            cosine = 0.5 * (1 + math.cos(math.pi * i / n_steps))
            for group in adam.param_groups:
                group["lr"] = LEARNING_RATE * warm_up * max(0.02, cosine)
            index = torch.randint(len(self.x), (BATCH_SIZE,), generator=rng, device=self.device)
            noise = torch.randn(BATCH_SIZE, N_LATENTS, generator=rng, device=self.device)
            with self.fabric.autocast():
                loss = beta_tcvae_loss(vae, unit(self.x[index]), noise, BETA, self.signs)
            adam.zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(vae.parameters(), 100)
            adam.step()
            yield i + 1
        if not math.isfinite(loss.item()):
            raise NonFiniteError("pretraining: the loss of the factor stage is NaN; try another seed.")

    def _read_all(self, vae: VAE) -> Generator[int, None, Latents]:
        parts = []
        for index in torch.split(torch.arange(len(self.pixels)), CHUNK):
            parts.append(self._read(vae, self._take(index)))
            yield self.n_steps
        weights = torch.tensor([len(part.mean) for part in parts]) / len(self.pixels)
        information = torch.stack([part.information for part in parts])
        return Latents(torch.cat([part.mean for part in parts]), weights @ information)

    @torch.no_grad()
    def _read(self, vae: VAE, x: Tensor) -> Latents:
        """On the CPU. With `mirror`, the mean of what the picture and the mirrored picture say."""
        qs = []
        for part in torch.split(x, CHUNK):
            with self.fabric.autocast():
                q = vae.encode(unit(part))
                if bool((self.signs < 0).any()):
                    mirrored = vae.encode(unit(part.flip(-1)))
                    q = q._replace(mean=(q.mean + self.signs * mirrored.mean) / 2)
            qs.append(q)
        q = Posterior(*(torch.cat(columns).cpu() for columns in zip(*qs, strict=True)))
        return Latents(q.mean, q.information().mean(dim=0))

    def _targets(self, latents: Latents, codes: list[int]) -> Targets:
        one_group = torch.zeros(len(latents.mean), dtype=torch.long)
        return Targets(
            {
                code: from_uniform(ranks(latents.mean[:, j], one_group), self.latent.codes[code])
                for code, j in zip(codes, latents.used, strict=False)
            }
        )

    def _message(self, latents: Latents, codes: list[int], scores: list[float], best: int) -> str:
        """Which run is kept, how much each code's latent tells, and what is left over."""
        names, used = self.latent.names, latents.used
        told = ", ".join(
            f"{names[code]} {latents.information[j]:.2f}" for code, j in zip(codes, used, strict=False)
        )
        others = ", ".join(f"{score:.2f}" for i, score in enumerate(scores) if i != best)
        message = (
            f"factors: run {best + 1} of {N_RUNS} kept (UDR {scores[best]:.2f}; the others {others}); "
            f"{N_LATENTS - len(used)} of {N_LATENTS} latents unused; nats: {told or 'none'}"
        )
        if len(used) > len(codes):
            message += f"; {len(used) - len(codes)} less informative latents have no code"
        if len(used) < len(codes):
            missing = ", ".join(names[code] for code in codes[len(used) :])
            message += f"; no targets for {missing}, learned from generated images alone"
        return message

    def _take(self, index: Int[Tensor, "n"]) -> Tensor:
        """Images of 32x32 pixels, uint8; those that are not square are squeezed."""
        x = self.pixels.take(index).to(self.device).float()
        square = x.shape[2] == x.shape[3]
        x = resized(x, SIDE) if square else F.interpolate(x, (SIDE, SIDE), mode="area")
        return x.round().clamp(0, 255).byte()


def unit(x: Tensor) -> Float[Tensor, "n ch s s"]:
    """Pixels in [0, 1]."""
    return x.float() / 255
