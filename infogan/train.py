"""Training: a clock and two steps, beside Eq. (6). Who logs, saves or plots iterates over `fit`."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, final

import torch
from jaxtyping import Float
from lightning_fabric import Fabric
from lightning_fabric.utilities.exceptions import MisconfigurationException
from torch import Tensor, nn

from infogan.config import Config
from infogan.data.images import Images
from infogan.errors import InfoganError
from infogan.model import Model, batch_statistics
from infogan.objective import discriminator_loss, gan_value, generator_loss, info_bound
from infogan.rng import make_rng


class Fake(NamedTuple):
    """A batch of G's images and the codes that made it."""

    x: Float[Tensor, "b ch h w"]
    c: list[Float[Tensor, "b _"]]


class Update(NamedTuple):
    """One step of D and one of G; all in nats."""

    n: int  # the first is 1
    L_I: Float[Tensor, "L"]  # in D's step, where Q learns
    loss_d: Float[Tensor, ""]
    loss_g: Float[Tensor, ""]


@final
class Trainer:
    """Trains a model in place; of the images it takes the pixels, never the labels."""

    def __init__(self, config: Config, model: Model, images: Images) -> None:
        """Checks what can be checked before the first update.

        Raises:
            InfoganError: where the images do not fit the networks, are fewer than a batch, or the
                device is not there.
        """
        model.check_shape(images.shape, f"the images of {config.images}")
        if len(images) < config.batch:
            raise InfoganError(
                f"config: batch is {config.batch}, but {config.images} holds {len(images)} images; "
                "choose a smaller --batch."
            )
        self.config = config
        self.model = model
        self.n = 0  # updates done
        fabric = _make_fabric(config)
        betas = (config.beta1, config.beta2)
        self.fabric = fabric
        self.optim_d = torch.optim.Adam(model.D.parameters(), config.lr_d, betas, fused=True)
        self.optim_g = torch.optim.Adam(model.G.parameters(), config.lr_g, betas, fused=True)
        self.D, self.optim_d = fabric.setup(model.D, self.optim_d)
        self.G, self.optim_g = fabric.setup(model.G, self.optim_g)
        self.pixels = images.pixels.to(fabric.device)
        self.lam = torch.tensor(config.lam_per_code, device=fabric.device)
        self.rng = make_rng(config.seed, "latent", fabric.device)

    def fit(self) -> Iterator[Update]:
        """Runs the updates that are still to be done, yielding after each.

        Raises:
            InfoganError: before an update that a loss forbids, as it is not a finite number.
        """
        self.model.D.train()
        self.model.G.train()
        try:
            while self.n < self.config.updates:
                x_real = self.real_batch(self.n)
                fake = self.draw(learns=not self.config.fresh_fake)
                L_I, loss_d = self.step_d(x_real, fake)
                loss_g = self.step_g(self.draw(learns=True) if self.config.fresh_fake else fake)
                self.n += 1
                yield Update(self.n, L_I, loss_d, loss_g)
        finally:
            self.model.D.eval()
            self.model.G.eval()

    def draw(self, *, learns: bool) -> Fake:
        """x ~ G(z, c) with z and c from their priors; without G's graph unless it `learns` from them."""
        latent, b = self.model.latent, self.config.batch
        z, c = latent.sample_z(b, self.rng), latent.sample_c(b, self.rng)
        with torch.set_grad_enabled(learns):
            return Fake(self.G(z, c), c)

    def step_d(
        self, x_real: Float[Tensor, "b ch h w"], fake: Fake
    ) -> tuple[Float[Tensor, "L"], Float[Tensor, ""]]:
        """D, Q and their trunk move; G does not. Gives L_I and the loss from before the move."""
        # Apart, each with its own batch statistics; only real images leave a mark on the running ones.
        real = self.D(x_real)
        with batch_statistics(self.model.D):
            judged = self.D(fake.x.detach(), inform_trunk=self.config.inform_trunk)
        V = gan_value(real.logit, judged.logit)
        L_I = info_bound(self.model.latent.codes, fake.c, judged.q)
        loss = discriminator_loss(real.logit, judged.logit, L_I, self.lam)
        self._check_finite("D", V, L_I)
        self.optim_d.zero_grad()
        self.fabric.backward(loss)
        self.optim_d.step()
        return L_I.detach(), loss.detach()

    def step_g(self, fake: Fake) -> Float[Tensor, ""]:
        """G moves; D, Q and their trunk do not. Gives the loss from before the move."""
        with frozen(self.model.D), batch_statistics(self.model.D):
            judged = self.D(fake.x)
            L_I = info_bound(self.model.latent.codes, fake.c, judged.q)
            lam = self.lam if self.config.inform_g else torch.zeros_like(self.lam)
            loss = generator_loss(judged.logit, L_I, lam, saturating=self.config.saturating)
            self._check_finite("G", judged.logit.mean(), L_I)
            self.optim_g.zero_grad()
            self.fabric.backward(loss)
            self.optim_g.step()
        return loss.detach()

    def real_batch(self, n: int) -> Float[Tensor, "b ch h w"]:
        """The real images of update n, counted from 0: each once in an epoch, in an order of its own."""
        epoch, i = divmod(n, len(self.pixels) // self.config.batch)
        order = torch.randperm(len(self.pixels), generator=make_rng(self.config.seed, f"epoch {epoch}"))
        chosen = order[i * self.config.batch :][: self.config.batch]
        return self.model.G.to_range(self.pixels.take(chosen))

    def state(self) -> dict[str, Tensor]:
        """All that the next update depends on: weights, Adam's moments, the stream of draws, n."""
        return {
            **{f"G.{name}": value for name, value in self.model.G.state_dict().items()},
            **{f"D.{name}": value for name, value in self.model.D.state_dict().items()},
            **_adam_state("adam_g", self.optim_g),
            **_adam_state("adam_d", self.optim_d),
            "rng": self.rng.get_state(),
            "n": torch.tensor(self.n),
        }

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Goes on from what `state` gave."""
        load_weights(self.model, state)
        for name, optimizer in (("adam_g", self.optim_g), ("adam_d", self.optim_d)):
            moments: dict[int, dict[str, Tensor]] = {}
            for key, value in _part(state, name).items():
                i, _, slot = key.partition(".")
                moments.setdefault(int(i), {})[slot] = value
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": moments, "param_groups": groups})
        self.rng.set_state(state["rng"])
        self.n = int(state["n"])

    def _check_finite(self, player: str, adversarial: Tensor, L_I: Float[Tensor, "L"]) -> None:
        if torch.isfinite(adversarial + L_I.sum()):
            return
        terms = {"the adversarial term": adversarial}
        terms |= {f"L_I of {name}": L for name, L in zip(self.model.latent.names, L_I, strict=True)}
        term, value = next((t, v.item()) for t, v in terms.items() if not torch.isfinite(v))
        raise InfoganError(
            f"update {self.n + 1}: {term} of {player}'s loss is {value}, so the update was not applied; "
            "lower --lr-d, --lr-g or --lam, or raise --std-floor."
        )


@contextmanager
def frozen(net: nn.Module) -> Iterator[None]:
    """Gradients pass through the net within, and are not computed for its weights."""
    net.requires_grad_(False)
    try:
        yield
    finally:
        net.requires_grad_(True)


def _make_fabric(config: Config) -> Fabric:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice about hardware that the config left out on purpose
            return Fabric(accelerator=config.device, devices=1, precision=config.precision)
    except (RuntimeError, MisconfigurationException) as error:
        raise InfoganError(
            f"config: device {config.device} with precision {config.precision} is not to be had here "
            f"({error}); leave --device at auto."
        ) from error


def load_weights(model: Model, state: dict[str, Tensor]) -> None:
    """Puts the weights that `Trainer.state` gave into a model of the same config."""
    model.G.load_state_dict(_part(state, "G"))
    model.D.load_state_dict(_part(state, "D"))


def _part(state: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {k.removeprefix(f"{name}."): v for k, v in state.items() if k.startswith(f"{name}.")}


def _adam_state(name: str, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    moments = optimizer.state_dict()["state"]
    return {f"{name}.{i}.{slot}": v for i, slots in moments.items() for slot, v in slots.items()}
