"""Training by Eq. (6): `Trainer.fit` alternates a step of D and Q with a step of G, and yields their metrics.

It neither logs nor saves: `Session` does that, by iterating over `Trainer.fit`.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from infogan.config import Config
from infogan.data.images import Images
from infogan.method.model import Model, frozen
from infogan.method.terms.term import Player
from infogan.pretraining import Stage, Targets, make_stage
from infogan.training.checks import check_fit
from infogan.training.components.batches import Batches
from infogan.training.components.cuda_graph import CudaGraphStep
from infogan.training.components.device import make_fabric, resolve, weight_dtype
from infogan.training.components.ema import make_averages
from infogan.training.components.losses import Losses
from infogan.training.components.optimizers import GuardedAdam, NonFiniteGuard
from infogan.training.components.schedule import learning_rates, make_scheduler
from infogan.training.components.seeds import OneSeed, Seeds
from infogan.training.health import diversity
from infogan.utils.torch_state import torch_defaults


class StepMetrics(NamedTuple):
    """The metrics of one step of D and one of G, with one entry per seed.

    L_I and losses are in nats. The terms `r1` and `orthogonal_jacobian`, and `diversity`, have no unit.
    """

    step: int  # the first is 1
    values: dict[str, Tensor]


class Trainer:
    """Trains G, D and Q in place. It reads the pixels of the images, never their `labels`.

    Classes that a person named to learn from are in `training_labels`; the clustering reads them.
    """

    @torch_defaults()
    def __init__(self, config: Config, model: Model, images: Images, seeds: Seeds | None = None) -> None:
        """Checks what can be checked before the first step.

        Args:
            seeds: the networks of several seeds, which are trained together; by default the model alone.

        Raises:
            InfoganError: if the images do not fit the networks or are fewer than a batch, or the device is
                not available.
        """
        self.config = resolve(config)
        self.fabric = make_fabric(self.config)
        check_fit(self.config, model, images, self.fabric.world_size)
        self.model, self.seeds = model, seeds or OneSeed(model, config.run.seed)
        self.seeds.setup(
            self.fabric, weight_dtype(self.config), sync_batchnorm=self.config.run.sync_batchnorm
        )
        self.labels = images.training_labels
        self.batches = Batches(self.config, self.seeds, images, self.fabric)
        self.guard = NonFiniteGuard(self.seeds.numbers, self.fabric.device)
        self.averages = make_averages(self.config, self.seeds.G, self.seeds.D)
        self.n = 0  # steps done
        self.use_targets([])

    def stages(self) -> Iterator[Stage]:
        """The pretraining stage of each seed, to run before the first step; see `use_targets`."""
        for seed, model in zip(
            self.seeds.numbers, self.seeds.initial_models(self.fabric.device), strict=True
        ):
            yield make_stage(
                model, self.batches.pixels, self.config.replace(seed=seed), self.fabric, self.labels
            )

    @torch_defaults()
    def use_targets(self, targets: Sequence[Targets]) -> None:
        """Trains with the targets that pretraining found, of the same codes in each seed, or without any."""
        config, device = self.config, self.fabric.device
        self.batches.targets = [
            {code: table.to(device) for code, table in sorted(of_seed.by_code.items())} for of_seed in targets
        ]
        codes = list(self.batches.targets[0]) if targets else []
        if config.codes.prior == "learned" and codes:
            self._learn_prior()
        self.losses = Losses(self.config, self.seeds, device, codes)
        self.rates = learning_rates(config, with_targets=bool(codes))
        self.adam_d = GuardedAdam("D", self.seeds.D, self.rates.lr_d, config, self.guard)
        self.adam_g = GuardedAdam("G", self.seeds.G, self.rates.lr_g, config, self.guard)

    def _learn_prior(self) -> None:
        """P(c) becomes the shares of the clusters among real images: the mean target."""
        (tables,) = self.batches.targets  # seeds are not stacked with a learned prior
        i = next(i for i, code in enumerate(self.model.latent.codes) if code.categories)
        mean = tables[i].double().mean(dim=0)
        shares = tuple(round(p, 6) for p in (mean / mean.sum()).tolist())
        self.config = self.config.replace(shares=shares)
        self.model.latent = self.batches.latent_prior = self.model.latent.with_shares(shares)

    def fit(self) -> Iterator[StepMetrics]:
        """Runs the steps that are still to be done, yielding after each.

        Raises:
            NonFiniteError: after a loss or a gradient that is NaN or infinite; on a GPU up to `log_every`
                steps later.
        """
        on_gpu, steps = self.fabric.device.type == "cuda", self.config.optimisation.steps
        step = (
            CudaGraphStep(self.step, self.seeds.rngs) if on_gpu and self.fabric.world_size == 1 else self.step
        )
        schedulers = [make_scheduler(adam, self.rates, self.n, steps) for adam in (self.adam_d, self.adam_g)]
        self.seeds.train()
        try:
            while self.n < steps:
                with torch_defaults():
                    metrics = step(*self.batches.real(self.n))
                self.n += 1
                for scheduler in schedulers:
                    scheduler.step()
                if not on_gpu or self.n % self.config.run.log_every == 0 or self.n == steps:
                    self.check_finite()
                yield StepMetrics(self.n, metrics)
        finally:
            self.batches.close()
            self.seeds.eval()

    def step(self, x_real: Float[Tensor, "*seeds b ch h w"], *targets: Tensor) -> dict[str, Tensor]:
        """One step of D, Q and their trunk, then one of G; each descends its own terms of Eq. (6)."""
        resample = self.config.optimisation.resample_fake
        z, c, x_fake = self.generate(with_gradient=not resample)
        x_detached = x_fake.detach()
        metrics = self.descend("D", z, c, x_detached, x_real, *targets)
        if resample:
            z, c, x_fake = self.generate(with_gradient=True)
        with frozen(self.seeds.D):
            metrics |= self.descend("G", z, c, x_fake)
        self.guard.count()
        for average in self.averages.values():
            average.update(self.guard.n_applied)
        return metrics | {"diversity": diversity(x_real, x_detached)}

    def generate(self, *, with_gradient: bool) -> tuple[Tensor, list[Tensor], Tensor]:
        """z and c from their priors, and x = G(z, c)."""
        z, c = self.batches.latent()
        with torch.set_grad_enabled(with_gradient), self.fabric.autocast():
            return z, c, self.seeds.call(lambda G, D, z, c: G(z, c), z, c)

    def descend(self, player: Player, *batch: Tensor | list[Tensor]) -> dict[str, Tensor]:
        """One step of Adam down a player's loss; returns what is logged."""
        loss_of = self.losses.loss_d if player == "D" else self.losses.loss_g
        u = self.batches.uniforms(self.losses.n_uniforms(player))
        # One context for the whole loss: autocast keeps the weights that it has cast until the context ends.
        with self.fabric.autocast():
            loss, metrics = self.seeds.call(loss_of, u, *batch)
        adam = self.adam_d if player == "D" else self.adam_g
        return adam.step(loss, metrics, self.fabric)

    def check_finite(self) -> None:
        """Asks the device whether all steps were applied.

        Raises:
            NonFiniteError: if one was not.
        """
        if self.guard.has_refused():
            self.n = int(self.guard.n_applied)
            raise self.guard.error()
