"""What a step is given: real images, their targets, and random draws; this process's part of every batch."""

from typing import TYPE_CHECKING, final

import torch
from jaxtyping import Float
from torch import Tensor

from infogan.config import Config
from infogan.data.images import Images
from infogan.data.loading.shard_batches import make_batch_source
from infogan.training.components.seeds import Seeds

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@final
class Batches:
    """Batches of all seeds; the order of real images and all draws follow from the seed alone."""

    def __init__(self, config: Config, seeds: Seeds, images: Images, fabric: "Fabric") -> None:
        self.batch_size, self.seeds = config.optimisation.batch_size, seeds
        self.latent_prior, self.to_range = seeds.models[0].latent, seeds.models[0].G.to_range
        part = self.batch_size // fabric.world_size
        self.part = slice(fabric.global_rank * part, (fabric.global_rank + 1) * part)
        self.pixels = images.pixels.to(fabric.device)
        self.sources = [
            make_batch_source(
                self.pixels, self.batch_size, seed, self.part, fabric.device, config.run.devices
            )
            for seed in seeds.numbers
        ]
        self.targets: list[dict[int, Tensor]] = []  # by code, of each seed; see `Targets`

    def real(self, n: int) -> tuple[Tensor, ...]:
        """Real images of step n, from 0, in G's range, and their targets, one tensor per code with any."""
        x = self.seeds.stack([self.to_range(source.batch(n)) for source in self.sources])
        if not self.targets:
            return (x,)
        index = [source.indices(n) for source in self.sources]
        rows = [
            [of_seed[code][i].float() for of_seed, i in zip(self.targets, index, strict=True)]
            for code in self.targets[0]
        ]
        return x, *(self.seeds.stack(of_code).to(x.dtype) for of_code in rows)

    def latent(self) -> tuple[Float[Tensor, "*seeds b n_z"], list[Float[Tensor, "*seeds b _"]]]:
        """z and c, from their priors."""
        prior, b = self.latent_prior, self.batch_size

        def sample(rng: torch.Generator) -> tuple[Tensor, list[Tensor]]:
            return prior.sample_z(b, rng)[self.part], [c_i[self.part] for c_i in prior.sample_c(b, rng)]

        return self.seeds.draw(sample)

    def uniforms(self, n_per_image: dict[str, int]) -> dict[str, Float[Tensor, "*seeds n b"]]:
        """Draws from Unif(0, 1), so many per image for each name."""

        def sample(rng: torch.Generator) -> dict[str, Tensor]:
            return {
                name: torch.rand(n, self.batch_size, generator=rng, device=rng.device)[:, self.part]
                for name, n in n_per_image.items()
            }

        return self.seeds.draw(sample)

    def close(self) -> None:
        """Ends the processes that read ahead."""
        for source in self.sources:
            source.close()
