"""The stage: numbers and angles for what varies in real images, such as azimuth or hair, by autoencoding.

No transform of the picture's plane makes these, so they cannot be knobs. A beta-TCVAE encodes every image in
a few latents that are nearly independent, as the codes are. The targets of earlier stages are given to it, so
that it looks for the rest. Its result depends on its initial weights, so it is trained several times, and the
run is kept whose latents the other runs find too. The most informative latents, as ranks, are targets for the
codes.

Angles are learned first and alone, then one number after the other joins (as in CascadeVAE, Jeong and Song,
ICML 2019): otherwise two numbers share what goes around.

Without `mirror` there is no prior but the one of every beta-VAE. With it there is: name it beside every
result that uses it.
"""

import math
from collections.abc import Generator, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple, final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from infogan.config import Config
from infogan.config.knobs import codes_without_knobs
from infogan.config.parts import N_LATENTS
from infogan.data.images import PixelArray
from infogan.method.model import Model
from infogan.pretraining.autoencoding.choice import udr
from infogan.pretraining.autoencoding.vae import VAE, beta_tcvae_loss
from infogan.pretraining.encoder import SIDE, resized
from infogan.pretraining.ranks import to_targets, uniform_ranks
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
FIRST_NUMBER, LAST_NUMBER = 0.08, 0.6  # shares of the steps after which numbers join angles
CONSTANT_RATE = 0.3  # of the steps, before the learning rate falls
CHUNK = 500


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


@final
class Autoencoding(Stage):
    """Targets for the uniform, Gaussian and circular codes that no knob uses.

    The result is the same for the same config and images; an interrupted stage has to start again.
    """

    def __init__(self, model: Model, pixels: PixelArray, config: Config, fabric: "Fabric") -> None:
        settings = config.pretraining
        self.latent, self.pixels, self.fabric = model.latent, pixels, fabric
        free = codes_without_knobs(settings.knobs, config.codes.kinds_alone, settings.transforms)
        self.n_steps, self.seed, self.device = settings.factor_steps, config.run.seed, fabric.device
        self.codes, self.n_angles = free, len(free["angle"])
        self.signs: Tensor | None = None
        if settings.mirror is not None:
            n_odd = self.n_angles + settings.mirror
            self.signs = torch.ones(self.n_angles + N_LATENTS, device=self.device)
            self.signs[:n_odd] = -1

    def run(self, earlier: Targets) -> Iterator[int]:
        """
        Raises:
            NonFiniteError: if the loss is NaN.
        """
        index = torch.randperm(len(self.pixels), generator=make_rng(self.seed, "factors sample"))[:MAX_IMAGES]
        self.x = torch.cat([self._take(part) for part in torch.split(index, CHUNK)])
        self.earlier = _columns(earlier, index).to(self.device)
        runs = []
        for i in range(N_RUNS):
            start, end = (self.n_steps * j // N_RUNS for j in (i, i + 1))
            weights = make_rng(self.seed, f"factors weights {i}")
            vae = VAE(self.pixels.shape[0], self.n_angles, N_LATENTS, weights, self.earlier.shape[1])
            runs.append(vae.to(self.device))
            rng = make_rng(self.seed, f"factors {i}", self.device)
            for n_done in self._descend(runs[-1], rng, end - start):
                yield start + n_done
        compared = [self._read(vae, self.x[:N_COMPARED]) for vae in runs]
        scores = udr(
            [_as_numbers(each) for each in compared], [_informative_numbers(each) for each in compared]
        )
        best = max(range(N_RUNS), key=scores.__getitem__)
        latents = yield from self._read_all(runs[best])
        latents = Latents(self.fabric.broadcast(latents.mean), latents.information, self.n_angles)
        chosen = {
            code: j
            for kind, codes in self.codes.items()
            for code, j in zip(
                [code for code in codes if code not in earlier.by_code], latents.used(kind), strict=False
            )
        }
        self.outcome = Outcome(
            self._targets(latents, chosen), self._message(latents, chosen, earlier, scores, best)
        )

    def _descend(self, vae: VAE, rng: torch.Generator, n_steps: int) -> Iterator[int]:
        adam = torch.optim.Adam(vae.parameters(), LEARNING_RATE, betas=(0.9, 0.99), fused=True)
        loss = torch.zeros(())
        n_noise = self.n_angles + N_LATENTS + self.earlier.shape[1]
        for i in range(n_steps):
            progress = i / n_steps
            warm_up = min(1, (i + 1) / (WARM_UP * n_steps))
            cosine = 0.5 * (1 + math.cos(math.pi * max(0, progress - CONSTANT_RATE) / (1 - CONSTANT_RATE)))
            for group in adam.param_groups:
                group["lr"] = LEARNING_RATE * warm_up * max(0.02, cosine)
            index = torch.randint(len(self.x), (BATCH_SIZE,), generator=rng, device=self.device)
            noise = torch.randn(BATCH_SIZE, n_noise, generator=rng, device=self.device)
            with self.fabric.autocast():
                loss = beta_tcvae_loss(
                    vae,
                    unit(self.x[index]),
                    self.earlier[index],
                    noise,
                    BETA,
                    self.signs,
                    self._n_open(progress),
                )
            adam.zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(vae.parameters(), 100)
            adam.step()
            yield i + 1
        if not math.isfinite(loss.item()):
            raise NonFiniteError("pretraining: the loss of the factor stage is NaN; try another seed.")

    def _n_open(self, progress: float) -> int:
        """How many latents take part after this share of the steps."""
        joined = (progress - FIRST_NUMBER) / (LAST_NUMBER - FIRST_NUMBER) if self.n_angles else 1.0
        return self.n_angles + int(N_LATENTS * min(1.0, max(0.0, joined)))

    def _read_all(self, vae: VAE) -> Generator[int, None, Latents]:
        parts = []
        for index in torch.split(torch.arange(len(self.pixels)), CHUNK):
            parts.append(self._read(vae, self._take(index)))
            yield self.n_steps
        weights = torch.tensor([len(part.mean) for part in parts]) / len(self.pixels)
        information = torch.stack([part.information for part in parts])
        return Latents(torch.cat([part.mean for part in parts]), weights @ information, self.n_angles)

    @torch.no_grad()
    def _read(self, vae: VAE, x: Tensor) -> Latents:
        """On the CPU. With `mirror`, the mean of what the picture and the mirrored picture say."""
        vae.eval()
        means, information = [], []
        for part in torch.split(x, CHUNK):
            with self.fabric.autocast():
                q = vae.encode(unit(part))
                mean = q.mean
                if self.signs is not None:
                    mirrored = vae.encode(unit(part.flip(-1)))
                    mean = mean + q.difference(self.signs * mirrored.mean, mean) / 2
            means.append(mean.cpu())
            information.append(q.information().cpu())
        return Latents(torch.cat(means), torch.cat(information).mean(dim=0), self.n_angles)

    def _targets(self, latents: Latents, chosen: Mapping[int, int]) -> Targets:
        one_group = torch.zeros(len(latents.mean), dtype=torch.long)
        tables = {}
        for code, j in chosen.items():
            uniform = uniform_ranks(
                latents.mean[:, j].remainder(2 * math.pi) if j < self.n_angles else latents.mean[:, j],
                one_group,
            )
            tables[code] = to_targets(uniform, self.latent.codes[code])
        return Targets(tables)

    def _message(
        self, latents: Latents, chosen: Mapping[int, int], earlier: Targets, scores: list[float], best: int
    ) -> str:
        """Which run is kept, how much each code's latent tells, and what is left over."""
        names, n = self.latent.names, len(latents.information)
        n_used = int(latents.informative.sum())
        told = ", ".join(f"{names[code]} {latents.information[j]:.2f}" for code, j in chosen.items())
        others = ", ".join(f"{score:.2f}" for i, score in enumerate(scores) if i != best)
        message = (
            f"factors: run {best + 1} of {N_RUNS} kept (UDR {scores[best]:.2f}; the others {others}); "
            f"{n - n_used} of {n} latents unused; nats: {told or 'none'}"
        )
        if n_used > len(chosen):
            message += f"; {n_used - len(chosen)} less informative latents have no code"
        free = [code for codes in self.codes.values() for code in codes if code not in earlier.by_code]
        if missing := ", ".join(names[code] for code in free if code not in chosen):
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


def _columns(earlier: Targets, index: Int[Tensor, "n"]) -> Float[Tensor, "n g"]:
    """The targets of earlier stages for these images, in the columns that G takes."""
    return torch.cat(
        [torch.zeros(len(index), 0), *(t[index].float() for t in earlier.by_code.values())], dim=1
    )


def _as_numbers(latents: Latents) -> Float[Tensor, "n _"]:
    """Angles as cosine and sine, which have no jump."""
    angles, numbers = latents.mean[:, : latents.n_angles], latents.mean[:, latents.n_angles :]
    return torch.cat([angles.cos(), angles.sin(), numbers], dim=1)


def _informative_numbers(latents: Latents) -> Bool[Tensor, "_"]:
    angles = latents.informative[: latents.n_angles]
    return torch.cat([angles, angles, latents.informative[latents.n_angles :]])
