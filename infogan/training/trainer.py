"""Training: a clock and two steps, beside Eq. (6). Who logs, saves or plots iterates over `fit`."""

import math
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from functools import partial
from typing import Literal, NamedTuple, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from infogan.config.config import Config
from infogan.config.spec import parse_motion
from infogan.data.images import Images
from infogan.data.loading.shard_batches import make_batch_source
from infogan.method.diffaug import augment
from infogan.method.model import Model, batch_statistics, frozen
from infogan.method.networks.blocks import DiscriminatorQ, Judgement
from infogan.method.objective import (
    discriminator_loss,
    gan_value,
    generator_loss,
    info_bound,
    kind_bound,
)
from infogan.pretraining.clustering.stage import Step, warm_up
from infogan.pretraining.transforms import DRAWS, move
from infogan.runs.weights import adam_state, load_adam, part
from infogan.training.cuda_graph import Captured
from infogan.training.device import make_fabric, settle
from infogan.training.diversity import diversity
from infogan.training.ema import Average
from infogan.training.schedule import WITHOUT_KINDS, set_rate, share_of_rate
from infogan.utils.errors import InfoganError, NotFinite
from infogan.utils.rng import make_rng


class Fake(NamedTuple):
    """A batch of G's images and the codes that made it."""

    x: Float[Tensor, "*seeds b ch h w"]
    c: list[Float[Tensor, "*seeds b _"]]


class Update(NamedTuple):
    """One step of D and one of G; L_I and losses in nats."""

    n: int  # the first is 1
    L_I: Float[Tensor, "*seeds L"]  # in D's step, where Q learns
    loss_d: Float[Tensor, "*seeds"]
    loss_g: Float[Tensor, "*seeds"]
    diversity: Float[Tensor, "*seeds"]  # of G's images, as `diversity` measures it
    kinds: Float[Tensor, "*seeds"]  # L_I of the kind of a real image, nats; 0 where none were looked for


class Losses(NamedTuple):
    """What a player descends, and the terms that its failing is told by."""

    loss: Float[Tensor, ""]
    adversarial: Float[Tensor, ""]
    kinds: Float[Tensor, ""]
    L_I: Float[Tensor, "L"]


class Trainer:
    """Trains a model in place; of the images it takes the pixels, never the labels.

    On a GPU an update is captured (capture.py), and the host looks at the device once in `log_every`.
    """

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
        k = model.latent.k
        if config.warm_up and len(images) < k:
            raise InfoganError(
                f"config: warm_up looks for {k} categories among {len(images)} images; choose fewer, such as "
                f'--codes "cat:2 unif:2 noise:62", or --motion "" --warm-up 0.'
            )
        self.config = settle(config)
        self.model = model
        self.fabric = make_fabric(self.config)
        device = self.fabric.device
        self.world = self.fabric.world_size
        if config.batch % self.world or config.batch // self.world < 2:
            raise InfoganError(
                f"config: batch is {config.batch}, which {self.world} processes cannot share in equal "
                "parts of 2 or more; choose another --batch."
            )
        part = config.batch // self.world
        self.part = slice(self.fabric.global_rank * part, (self.fabric.global_rank + 1) * part)
        self.captures = device.type == "cuda" and self.world == 1
        self.looks_every = config.log_every if device.type == "cuda" else 1
        self.seeds = [config.seed]
        exact = torch.float64 if self.config.precision == "64-true" else torch.float32
        self.lam = torch.tensor(config.lam_per_code, device=device, dtype=exact)
        self.motion = parse_motion(config.motion)
        self.pixels = images.pixels.to(device)
        self.feed = make_batch_source(
            self.pixels, config.batch, config.seed, self.part, device, self.config.devices
        )
        self.rngs = [make_rng(config.seed, "latent", device)]
        if device.type == "cuda":  # on a CPU it brought nothing
            for net in (model.G, model.D):
                for layer in net.modules():
                    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                        layer.weight.data = layer.weight.to(memory_format=torch.channels_last)
        self._equip(model.G, model.D)

    def _equip(self, G: nn.Module, D: nn.Module) -> None:
        """Optimisers for the networks, and what is remembered of their updates, on the device."""
        c, device = self.config, self.fabric.device
        self.n = 0  # updates asked for
        self.applied = torch.zeros((), dtype=torch.long, device=device)  # those that no loss forbade
        self.forbidden = torch.zeros((), device=device)  # 1 once a loss was no finite number
        terms = torch.zeros(len(self.seeds), 2 + len(self.model.latent.codes), device=device)
        self.terms = {"D": terms, "G": terms.clone()}  # of the last update that was not forbidden before
        on_gpu = device.type == "cuda"
        adam = partial(torch.optim.Adam, betas=(c.beta1, c.beta2), fused=True, capturable=on_gpu)
        lr_d, lr_g = c.lr_d, c.lr_g
        if on_gpu and (c.lr_decay or c.warm_up):  # a graph reads a rate that changes off the device
            lr_d, lr_g = (torch.tensor(lr, device=device) for lr in (lr_d, lr_g))  # type: ignore[assignment]
        optim_d, optim_g = adam(D.parameters(), lr_d), adam(G.parameters(), lr_g)
        for optimizer in (optim_d, optim_g):
            # Adam's own word for "do not step": known to its fused kernels, and set by gradient scalers.
            setattr(optimizer, "found_inf", self.forbidden)  # noqa: B010, as no stub knows it
        if self.world > 1 and c.batch_statistics == "whole":
            from infogan.training.ddp import synchronise

            for net in (G, D):
                synchronise(net)
        self.D, self.optim_d = self.fabric.setup(D, optim_d)
        self.G, self.optim_g = self.fabric.setup(G, optim_g)
        # A network like D, whose Q tells the kinds of real images once it has warmed up.
        self.finder = deepcopy(D).eval() if c.warm_up else None
        averages = {"averaged": Average(self.G, G, c.ema), "averaged_d": Average(self.D, D, c.ema_d)}
        self.averages = {name: average for name, average in averages.items() if average.decay}

    def warm_up(self) -> Iterator[Step]:
        """The `config.warm_up` steps before the first update (warmup.py), yielding after each.

        They make the finder, which is none where there are no kinds; G, D and Q stay as they were drawn.
        """
        model = Model(self.model.latent, self.model.G, cast(DiscriminatorQ, self.finder))
        found = yield from warm_up(model, self.pixels, self.config, self.fabric)
        if not found:
            self.finder = None

    def fit(self) -> Iterator[Update]:
        """Runs the updates that are still to be done, yielding after each.

        Raises:
            NotFinite: after a loss that is not a finite number, which no weight followed, nor any
                after it; on a GPU at most `log_every` updates later.
        """
        update = Captured(self.update, self.rngs) if self.captures else self.update
        self.D.train()
        self.G.train()
        try:
            while self.n < self.config.updates:
                self.schedule()
                told = update(self.real_batch(self.n))
                self.n += 1
                if self.n % self.looks_every == 0 or self.n == self.config.updates:
                    self.look()
                yield Update(self.n, *told)
        finally:
            self.feed.close()
            self.D.eval()
            self.G.eval()

    def schedule(self) -> None:
        """The learning rates of the update that comes, where the config has them change."""
        c = self.config
        if c.warm_up and self.finder is None:
            set_rate(self.optim_d, c.lr_d * WITHOUT_KINDS)
        elif c.lr_decay:
            set_rate(self.optim_d, c.lr_d * share_of_rate(self.n, c))
            set_rate(self.optim_g, c.lr_g * share_of_rate(self.n, c))

    def update(self, x_real: Float[Tensor, "*seeds b ch h w"]) -> tuple[Tensor, ...]:
        """A step of D and one of G: gives what `Update` holds, but n."""
        fake = self.draw(learns=not self.config.fresh_fake)
        loss_d, _, kinds, L_I = self.step_d(x_real, fake)
        loss_g = self.step_g(self.draw(learns=True) if self.config.fresh_fake else fake)
        self.applied.add_(self.forbidden < 1)
        for average in self.averages.values():
            average.move(self.applied)
        return L_I, loss_d, loss_g, diversity(x_real, fake.x.detach()), kinds

    def draw(self, *, learns: bool) -> Fake:
        """x ~ G(z, c) with z and c from their priors; without G's graph unless it `learns` from them."""
        z, c = self.draw_latent()
        with torch.set_grad_enabled(learns), self.fabric.autocast():
            return Fake(self.G(z, c), c)

    def draw_latent(self) -> tuple[Float[Tensor, "*seeds b n_z"], list[Float[Tensor, "*seeds b _"]]]:
        """z and c, from their priors."""
        latent, b = self.model.latent, self.config.batch
        (rng,) = self.rngs
        return latent.sample_z(b, rng)[self.part], [c_i[self.part] for c_i in latent.sample_c(b, rng)]

    def step_d(self, x_real: Float[Tensor, "*seeds b ch h w"], fake: Fake) -> Losses:
        """D, Q and their trunk move; G does not. Gives what they descended, from before the move."""
        # Apart, each with its own batch statistics; only real images leave a mark on the running ones.
        # One autocast around both, so that D's weights are rounded to bf16 once.
        with self.fabric.autocast():
            real = self.D(self.seen(x_real))
            with batch_statistics(self.D):
                judged = self.D(self.seen(fake.x.detach()), inform_trunk=self.config.inform_trunk)
                moved = [self.D(self.moved(x_real)), self.find(x_real)] if self.finder is not None else []
        losses = self.each(self.losses_d)(real, judged, fake.c, *moved)
        return self._descend("D", losses, self.optim_d)

    def step_g(self, fake: Fake) -> Float[Tensor, "*seeds"]:
        """G moves; D, Q and their trunk do not. Gives the loss from before the move."""
        with frozen(self.D), batch_statistics(self.D):
            with self.fabric.autocast():
                judged = self.D(self.seen(fake.x))
            losses = self.each(self.losses_g)(judged, fake.c)
            return self._descend("G", losses, self.optim_g).loss

    def moved(self, x: Float[Tensor, "*seeds b ch h w"]) -> Float[Tensor, "*seeds b ch h w"]:
        """Real images, each moved at random as the config says."""
        (rng,) = self.rngs
        return self.moved_by(rng, x)

    def moved_by(self, rng: torch.Generator, x: Float[Tensor, "b ch h w"]) -> Float[Tensor, "b ch h w"]:
        """Images, each moved by draws from that stream."""
        u = torch.rand(DRAWS, self.config.batch, generator=rng, device=x.device, dtype=x.dtype)
        return move(x, self.motion, u[:, self.part], float(self.model.G.low or 0))

    @torch.no_grad()
    def find(self, x: Float[Tensor, "*seeds b ch h w"]) -> Judgement:
        """What the finder says of real images, of which its first discrete code is their kind."""
        assert self.finder is not None
        says: Judgement = self.finder(x.to(next(self.finder.parameters())))
        return says

    def seen(self, x: Float[Tensor, "*seeds b ch h w"]) -> Float[Tensor, "*seeds b ch h w"]:
        """The images as D and Q see them."""
        if not self.config.augment:
            return x
        (rng,) = self.rngs
        u = torch.rand(4, self.config.batch, 1, generator=rng, device=x.device)
        return augment(x, u[:, self.part])

    def losses_d(
        self,
        real: Judgement,
        judged: Judgement,
        c: list[Float[Tensor, "b _"]],
        moved: Judgement | None = None,
        found: Judgement | None = None,
    ) -> Losses:
        """What D, Q and their trunk descend, of one network's real and fake batch, and the real one moved.

        `found` is what the finder says of the real one as it is.
        """
        V = gan_value(real.logit, judged.logit)
        L_I = info_bound(self.model.latent.codes, c, judged.q)
        loss = discriminator_loss(real.logit, judged.logit, L_I, self.lam)
        kinds = torch.zeros_like(V)
        if moved is not None and found is not None:
            log_p, *log_q = (self.model.latent.log_categories(says.q) for says in (found, real, moved))
            kinds = kind_bound(log_p.exp().repeat(2, 1), torch.cat(log_q))
        return Losses(loss - self.config.lam_real * kinds, V, kinds, L_I)

    def losses_g(self, judged: Judgement, c: list[Float[Tensor, "b _"]]) -> Losses:
        """What G descends, of one network's fake batch."""
        L_I = info_bound(self.model.latent.codes, c, judged.q)
        lam = self.lam if self.config.inform_g else torch.zeros_like(self.lam)
        loss = generator_loss(judged.logit, L_I, lam, saturating=self.config.saturating)
        return Losses(loss, judged.logit.mean(), torch.zeros_like(loss), L_I)

    def each(self, losses: Callable[..., Losses]) -> Callable[..., Losses]:
        """The function for every seed; here there is one."""
        return losses

    def _descend(self, player: Literal["D", "G"], losses: Losses, optimizer: torch.optim.Optimizer) -> Losses:
        """One step of Adam, unless this loss or one before it forbids it; nothing here asks the device.

        Gives the losses over all replicas.
        """
        optimizer.zero_grad()
        self.fabric.backward(losses.loss.sum() / self.world)
        told = Losses(*(t.detach() / self.world for t in losses))
        if self.world > 1:
            from infogan.utils.distributed import sum_gradients

            sum_gradients(optimizer, *told)
        terms = torch.cat([torch.stack([told.adversarial, told.kinds], dim=-1), told.L_I], dim=-1)
        last = self.terms[player]
        last.copy_(torch.where(self.forbidden > 0, last, terms))
        self.forbidden.copy_(torch.maximum(self.forbidden, 1 - torch.isfinite(terms).all().float()))
        optimizer.step()
        return told

    def any_of(self, flag: bool) -> bool:
        """Whether any process of this training says so."""
        if self.world == 1:
            return flag
        from infogan.utils.distributed import any_of

        return any_of(flag, self.fabric.device)

    def look(self) -> None:
        """Asks the device whether all updates were applied.

        Raises:
            NotFinite: where one was not, naming it and the term that forbade it.
        """
        if not self.forbidden:
            return
        self.n = int(self.applied)
        names = (
            "the adversarial term",
            "L_I of the kinds",
            *(f"L_I of {name}" for name in self.model.latent.names),
        )
        player, seed, term, value = next(
            (player, seed, name, value)
            for player, told in self.terms.items()
            for seed, terms in zip(self.seeds, told.tolist(), strict=True)
            for name, value in zip(names, terms, strict=True)
            if not math.isfinite(value)
        )
        of_seed = f"seed {seed}, " if len(self.seeds) > 1 else ""
        raise NotFinite(
            f"{of_seed}update {self.n + 1}: {term} of {player}'s loss is {value}, so the update was not "
            "applied; lower --lr-d, --lr-g or --lam, or raise --std-floor."
        )

    def real_batch(self, n: int) -> Float[Tensor, "*seeds b ch h w"]:
        """The real images of update n, counted from 0: each once in an epoch, in an order of its own."""
        return self.model.G.to_range(self.feed.batch(n))

    def state(self, i: int = 0) -> dict[str, Tensor]:
        """All that the next update depends on, of seed i: weights, Adam's moments, the stream of draws, n.

        Raises:
            NotFinite: where an update since the last look was not applied.
        """
        self.look()
        return {
            **{
                f"{name}.{key}": value
                for name, net in self._nets().items()
                for key, value in self._one(i, net.state_dict()).items()
            },
            **self._one(i, adam_state("adam_g", self.optim_g)),
            **self._one(i, adam_state("adam_d", self.optim_d)),
            "rng": self.rngs[i].get_state(),
            "n": torch.tensor(self.n),
        }

    def _nets(self) -> dict[str, nn.Module]:
        """All networks whose tensors a state holds, by the names that they have there."""
        finder = {} if self.finder is None else {"finder": self.finder}
        averaged = {name: average.mean for name, average in self.averages.items()}
        return {"G": self.G, "D": self.D, **finder, **averaged}

    def load_state(self, *states: dict[str, Tensor]) -> None:
        """Goes on from what `state` gave, a dict a seed; all after the same number of updates."""
        state = self._all(states)
        if not part(state, "finder"):  # as there are no kinds
            self.finder = None
        for name, net in self._nets().items():
            net.load_state_dict(part(state, name))
        load_adam(self.optim_g, part(state, "adam_g"))
        load_adam(self.optim_d, part(state, "adam_d"))
        for rng, of_seed in zip(self.rngs, states, strict=True):
            rng.set_state(of_seed["rng"])
        self.n = int(states[0]["n"])
        self.applied.fill_(self.n)
        self.forbidden.zero_()

    def draw_otherwise(self, attempt: int) -> None:
        """Has the updates from here on draw from other streams than before, the same for the same attempt."""
        device = self.fabric.device
        self.rngs = [make_rng(seed, f"latent, from {self.n}, again {attempt}", device) for seed in self.seeds]

    def of_seeds(self, update: Update) -> list[Update]:
        """An update seed by seed."""
        return [update]

    def _one(self, i: int, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Seed i's part of what the networks and Adam hold; here there is one."""
        return tensors

    def _all(self, states: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
        """What `_one` took apart."""
        (state,) = states
        return state
