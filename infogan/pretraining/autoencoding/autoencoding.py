"""The stage: numbers and angles for what varies in real images, such as azimuth or hair, by autoencoding.

No transform of the picture's plane makes these, so they cannot be knobs. A beta-TCVAE encodes every image in
a few latents that are nearly independent, as the codes are. The targets of earlier stages are given to it, so
that it looks for the rest. Its result depends on its initial weights, so it is trained several times, and the
run is kept whose latents the other runs find too. The most informative latents, as ranks, are targets for the
codes.

What changes sign in the mirror, such as the direction of view, is found first, and given to a second
autoencoder for the rest: one latent holds only a part of so large a change, and others would hold the rest.

An angle is learned first and alone, then one number after the other joins (as in CascadeVAE, Jeong and Song,
ICML 2019): otherwise two numbers share what goes around. Several angles are first looked for linearly
(`circles.py`).

Without `mirror` there is no prior but the one of every beta-VAE. With it there is: name it beside every
result that uses it.
"""

import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from infogan.config import Config
from infogan.config.knobs import codes_without_knobs
from infogan.config.parts import N_LATENTS
from infogan.data.images import PixelArray
from infogan.method.model import Model
from infogan.pretraining.autoencoding.choice import udr
from infogan.pretraining.autoencoding.earlier import columns_of, columns_of_angles
from infogan.pretraining.autoencoding.latents import Latents
from infogan.pretraining.autoencoding.mirror import odd_coordinate
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
FIRST_NUMBER, LAST_NUMBER = 0.08, 0.6  # shares of the steps after which numbers join angles
CONSTANT_RATE = 0.3  # of the steps, before the learning rate falls
CHUNK = 500


@final
class Autoencoding(Stage):
    """Targets for uniform, Gaussian and circular codes.

    The result is the same for the same config and images; an interrupted stage has to start again.
    """

    def __init__(
        self,
        model: Model,
        pixels: PixelArray,
        config: Config,
        fabric: "Fabric",
        codes: Mapping[str, Sequence[int]],
        n_steps: int,
        n_odd: int = 0,
    ) -> None:
        """
        Args:
            codes: by kind, "angle" or "number", those that targets are looked for.
            n_odd: how many numbers change sign in the mirror; if any, targets are made of these alone.
        """
        settings = config.pretraining
        self.latent, self.pixels, self.fabric = model.latent, pixels, fabric
        self.n_steps, self.seed, self.device = n_steps, config.run.seed, fabric.device
        free = codes_without_knobs(settings.knobs, config.codes.kinds_alone, settings.transforms)
        self.codes, self.angles, self.n_odd = codes, free["angle"], n_odd
        self.name = "mirror" if n_odd else "factors"
        self.has_mirror = settings.mirror is not None

    def run(self, earlier: Targets) -> Iterator[int]:
        """
        Raises:
            NonFiniteError: if the loss is NaN.
        """
        index = torch.randperm(len(self.pixels), generator=make_rng(self.seed, "factors sample"))[:MAX_IMAGES]
        self.x = torch.cat([self._take(part) for part in torch.split(index, CHUNK)])
        self.earlier = columns_of(earlier, index).to(self.device)
        self.earlier_angles = columns_of_angles(earlier, self.latent)
        self.n_angles = sum(code not in earlier.by_code for code in self.angles)
        self.signs: Tensor | None = None
        if self.has_mirror:
            self.signs = torch.ones(self.n_angles + N_LATENTS, device=self.device)
            self.signs[: self.n_angles + self.n_odd] = -1
        runs = []
        for i in range(N_RUNS):
            start, end = (self.n_steps * j // N_RUNS for j in (i, i + 1))
            weights = make_rng(self.seed, f"{self.name} weights {i}")
            n_earlier = self.earlier.shape[1]
            vae = VAE(self.pixels.shape[0], self.n_angles, N_LATENTS, weights, n_earlier, self.earlier_angles)
            runs.append(vae.to(self.device))
            rng = make_rng(self.seed, f"{self.name} {i}", self.device)
            for n_done in self._descend(runs[-1], rng, end - start):
                yield start + n_done
        compared = [self._read(vae, self.x[:N_COMPARED]) for vae in runs]
        scores = udr(
            [each.as_numbers() for each in compared], [each.informative_numbers() for each in compared]
        )
        best = max(range(N_RUNS), key=scores.__getitem__)
        latents = yield from self._read_all(runs[best])
        latents = Latents(self.fabric.broadcast(latents.mean), latents.information, self.n_angles)
        chosen = {
            code: j
            for kind, codes in self.codes.items()
            for code, j in zip(
                [code for code in codes if code not in earlier.by_code],
                self._used(latents, kind),
                strict=False,
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
        joined = 1.0
        if self.n_angles:
            joined = (progress - FIRST_NUMBER) / (LAST_NUMBER - FIRST_NUMBER)
        elif self.earlier_angles:  # what these tell is to be learned from them
            joined = float(progress >= FIRST_NUMBER)
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

    def _used(self, latents: Latents, kind: str) -> list[int]:
        return [j for j in latents.used(kind) if not self.n_odd or j < self.n_angles + self.n_odd]

    def _targets(self, latents: Latents, chosen: Mapping[int, int]) -> Targets:
        one_group, tables = torch.zeros(len(latents.mean), dtype=torch.long), {}
        for code, j in chosen.items():
            values = latents.mean[:, j]
            if j < self.n_angles:
                values = values.remainder(2 * math.pi)
            elif self.n_odd:
                values = self._odd_coordinate(latents, j)
            tables[code] = to_targets(uniform_ranks(values, one_group), self.latent.codes[code])
        return Targets(tables)

    def _odd_coordinate(self, latents: Latents, j: int) -> Float[Tensor, "n"]:
        """Of the number j, which changes sign, and all that does not."""
        assert self.signs is not None
        is_even = (self.signs.cpu() > 0) & latents.informative
        z = torch.cat([latents.mean[:, [j]], latents.mean[:, is_even]], dim=1)
        signs = torch.ones(z.shape[1])
        signs[0] = -1
        rng = np.random.default_rng(self.seed)
        found = torch.from_numpy(odd_coordinate(z.double().numpy(), signs.double().numpy(), rng)).float()
        return found if found @ latents.mean[:, j] > 0 else -found

    def _message(
        self, latents: Latents, chosen: Mapping[int, int], earlier: Targets, scores: list[float], best: int
    ) -> str:
        """Which run is kept, how much each code's latent tells, and what is left over."""
        names, n = self.latent.names, len(latents.information)
        n_used = int(latents.informative.sum())
        told = ", ".join(f"{names[code]} {latents.information[j]:.2f}" for code, j in chosen.items())
        others = ", ".join(f"{score:.2f}" for i, score in enumerate(scores) if i != best)
        kept = f"run {best + 1} of {N_RUNS} kept (UDR {scores[best]:.2f}; the others {others})"
        unused = "" if self.n_odd else f"; {n - n_used} of {n} latents unused"
        message = f"{self.name}: {kept}{unused}; nats: {told or 'none'}"
        if n_used > len(chosen) and not self.n_odd:
            message += f"; {n_used - len(chosen)} less informative latents have no code"
        free = [code for codes in self.codes.values() for code in codes if code not in earlier.by_code]
        if missing := ", ".join(names[code] for code in free if code not in chosen):
            message += f"; no targets for {missing}, learned from generated images alone"
        return message

    def _take(self, index: Int[Tensor, "n"]) -> Tensor:
        """Images of 32x32 pixels, uint8."""
        x = resized(self.pixels.take(index).to(self.device).float(), SIDE)
        return x.round().clamp(0, 255).byte()


def unit(x: Tensor) -> Float[Tensor, "n ch s s"]:
    """Pixels in [0, 1]."""
    return x.float() / 255
