"""Several seeds trained as one: for a GPU, which a single network of this size leaves idle."""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

from infogan.config.config import Config
from infogan.data.images import Images
from infogan.data.loading.batches import EpochSampler
from infogan.data.shards.images import ShardedPixels
from infogan.method.diffaug import augment
from infogan.method.model import make_model
from infogan.pretraining.clustering.stage import Step, warm_up
from infogan.training.device import settle
from infogan.training.trainer import Losses, Trainer, Update
from infogan.utils.errors import InfoganError
from infogan.utils.rng import make_rng


@final
class Stack(nn.Module):
    """Networks of one shape as one: every tensor in, out and within has a first dimension, the network's.

    `torch.vmap` makes of them batched matrix products and grouped convolutions.
    """

    def __init__(self, nets: Sequence[nn.Module]) -> None:
        super().__init__()
        self.one = deepcopy(nets[0])  # of which the layers are used, with the tensors of all
        parameters, buffers = stack_module_state(list(nets))
        for name, value in parameters.items():
            layer, _, slot = name.rpartition(".")
            setattr(self.one.get_submodule(layer), slot, nn.Parameter(value.detach()))
        for name, value in buffers.items():
            layer, _, slot = name.rpartition(".")
            setattr(self.one.get_submodule(layer), slot, value)

    def forward(self, *inputs: Any, **options: Any) -> Any:
        tensors = dict(self.one.named_parameters()) | dict(self.one.named_buffers())

        def call(tensors: dict[str, Tensor], inputs: tuple[Any, ...]) -> Any:
            return functional_call(self.one, tensors, inputs, options)

        return torch.vmap(call)(tensors, inputs)


@final
class StackedTrainer(Trainer):
    """Trains seeds of one config together, each to what it would become alone, up to rounding."""

    def __init__(self, config: Config, seeds: Sequence[int], images: Images) -> None:
        """Takes the config of all, whose own seed is not looked at.

        Raises:
            InfoganError: as `Trainer`.
        """
        if config.devices * config.nodes > 1:
            raise InfoganError("config: seeds are stacked in one process; leave out --devices or --stacked.")
        if isinstance(images.pixels, ShardedPixels):
            raise InfoganError("config: seeds are not stacked on shards; leave out --stacked.")
        if settle(config).precision == "bf16-mixed":
            if config.precision != "auto":
                raise InfoganError(
                    "config: seeds are not stacked in bf16-mixed, as torch.vmap leaves weights in 32 bits "
                    "there; leave out --precision or --stacked."
                )
            config = replace(config, precision="32-true")
        self.models = [make_model(replace(config, seed=seed)) for seed in seeds]
        G, D = Stack([m.G for m in self.models]), Stack([m.D for m in self.models])
        super().__init__(config, self.models[0], images)
        device = self.fabric.device
        self.seeds = list(seeds)
        self.epochs = [EpochSampler(len(images), config.batch, seed, device) for seed in seeds]
        self.rngs = [make_rng(seed, "latent", device) for seed in seeds]
        self._equip(G, D)

    def warm_up(self) -> Iterator[Step]:
        """One seed after the other, as each does alone.

        Raises:
            InfoganError: where some find kinds and others none, as what D descends is the same for all.
        """
        assert self.finder is not None
        like = next(self.finder.parameters())
        stacked, found = self.finder.state_dict(), []
        for i, (seed, model) in enumerate(zip(self.seeds, self.models, strict=True)):
            for net in (model.G, model.D):
                net.to(like)
            found.append(
                (yield from warm_up(model, self.pixels, replace(self.config, seed=seed), self.fabric))
            )
            for name, value in model.D.state_dict().items():
                stacked[f"one.{name}"][i].copy_(value)
        if not any(found):
            self.finder = None
        elif not all(found):
            without = next(seed for seed, kinds in zip(self.seeds, found, strict=True) if not kinds)
            raise InfoganError(
                f"warm-up: seed {without} found no kinds of images, where others did; leave out --stacked."
            )

    def each(self, losses: Callable[..., Losses]) -> Callable[..., Losses]:
        """The function for every seed."""
        for_every: Callable[..., Losses] = torch.vmap(losses)
        return for_every

    def draw_latent(self) -> tuple[Float[Tensor, "s b n_z"], list[Float[Tensor, "s b _"]]]:
        """z and c, from their priors, each seed's from a stream of its own."""
        latent, b = self.model.latent, self.config.batch
        z, c = zip(*((latent.sample_z(b, rng), latent.sample_c(b, rng)) for rng in self.rngs), strict=True)
        return torch.stack(z), [torch.stack(c_i) for c_i in zip(*c, strict=True)]

    def real_batch(self, n: int) -> Float[Tensor, "s b ch h w"]:
        """The real images of update n, counted from 0, each seed's in an order of its own."""
        chosen = torch.cat([epochs.indices(n) for epochs in self.epochs])
        x = self.model.G.to_range(self.pixels.take(chosen))
        return x.view(len(self.seeds), self.config.batch, *x.shape[1:])

    def seen(self, x: Float[Tensor, "s b ch h w"]) -> Float[Tensor, "s b ch h w"]:
        """The images as D and Q see them, each seed's changed by a stream of its own."""
        if not self.config.augment:
            return x
        u = [torch.rand(4, self.config.batch, 1, generator=rng, device=x.device) for rng in self.rngs]
        return torch.stack([augment(x_i, u_i) for x_i, u_i in zip(x, u, strict=True)])

    def moved(self, x: Float[Tensor, "s b ch h w"]) -> Float[Tensor, "s b ch h w"]:
        """Real images, each seed's moved by a stream of its own."""
        return torch.stack([self.moved_by(rng, x_i) for rng, x_i in zip(self.rngs, x, strict=True)])

    def of_seeds(self, update: Update) -> list[Update]:
        """An update seed by seed."""
        n, *values = update
        return [Update(n, *of_seed) for of_seed in zip(*values, strict=True)]

    def _one(self, i: int, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Seed i's; Adam's count of steps is of all."""
        return {
            name.replace(".one.", ".").removeprefix("one."): value if _shared(name) else value[i]
            for name, value in tensors.items()
        }

    def _all(self, states: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
        """All seeds' as one."""
        return {
            _stacked_name(name): value if _shared(name) else torch.stack([state[name] for state in states])
            for name, value in states[0].items()
            if name not in ("rng", "n")
        }


def _shared(name: str) -> bool:
    return name.endswith(".step")


def _stacked_name(name: str) -> str:
    net, _, rest = name.partition(".")
    return f"{net}.one.{rest}" if net in ("G", "D", "finder", "averaged", "averaged_d") else name
