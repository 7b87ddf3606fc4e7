"""Before the game Q finds the categories of real images, by what holds still as they move; without luck.

A Q of k categories that raises I(k; k') of an image and the same image moved (`objective.information`, IIC)
may settle where two kinds share a category and a third has two. One of 3 k clusters has no need to. So:

1. D's trunk learns, with five heads of 3 k clusters each, which all raise that information.
2. The clusters of each are merged into k by what neighbours among the images tell of each other's
   (merging.py), and the head whose k groups keep most of that is taken. Motions are small, and there are
   kinds of one thing that no small motion turns into each other; neighbours bridge some of these.
3. Q's own head learns these groups, and raises the information itself, while motions grow.

No label takes part. Q's other codes stay as they were drawn.
"""

import math
from collections.abc import Iterator
from copy import deepcopy
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from infogan.config import Config
from infogan.data.images import Pixels
from infogan.epochs import Epochs
from infogan.merging import information_of, merge
from infogan.model import Model
from infogan.motion import DRAWS, move
from infogan.objective import information, log_joint
from infogan.rng import make_rng
from infogan.spec import Motion, parse_motion

if TYPE_CHECKING:
    from lightning_fabric import Fabric

HEADS, OVER = 5, 3  # heads, of so many clusters a category
CLUSTERS = 1 / 3  # of the warm-up, which finds clusters; the rest refines categories
TAUGHT = 1 / 4  # of the rest, over which the clusters' word loses its weight
SMALL = 0.7  # of the motion, while clusters are found: what small motions tell is learned sooner
BATCH = 256  # and as many moved: a joint law takes more than D's step needs
RATE = 1e-3
STD = 0.2  # of the heads' weights: Q's own 0.02 would leave all clusters alike for long
SAMPLE, NEIGHBOURS = 10_000, 10  # images among which neighbours are looked for, and how many of each
SIDE = 32  # to which images are brought for that, at most
CHUNK = 500


class Step(NamedTuple):
    """An update of the warm-up."""

    n: int  # the first is 1
    kept: Float[Tensor, ""]  # of an image, by its cluster or category, in nats


def warm_up(model: Model, pixels: Pixels, config: Config, fabric: "Fabric") -> Iterator[Step]:
    """Runs the `config.warm_up` updates on D's trunk and Q's head, yielding after each.

    The same for the same config and images; what was stopped has to begin anew.
    """
    model.D.train()
    warm = _WarmUp(model, pixels, config, fabric)
    first = round(CLUSTERS * config.warm_up)
    yield from warm.find_clusters(first)
    yield from warm.refine(first, config.warm_up - first)
    model.D.eval()


class _WarmUp:
    def __init__(self, model: Model, pixels: Pixels, config: Config, fabric: "Fabric") -> None:
        self.model, self.pixels, self.fabric = model, pixels, fabric
        self.motion = parse_motion(config.motion)
        self.k = next(code.categories for code in model.latent.codes if code.categories is not None)
        self.rng = make_rng(config.seed, "warm-up", model.device)
        self.world = fabric.world_size
        part = min(BATCH, len(pixels)) // self.world
        self.part = slice(fabric.global_rank * part, (fabric.global_rank + 1) * part)
        self.batch = part * self.world
        self.epochs = Epochs(len(pixels), self.batch, config.seed, model.device)
        self.heads = self._make_heads(make_rng(config.seed, "warm-up's heads"))

    def _make_heads(self, rng: torch.Generator) -> nn.Linear:
        trunk = self.model.D.trunk.eval()
        like = next(trunk.parameters())
        with torch.inference_mode():
            width = trunk(like.new_zeros(1, *self.model.G.shape)).shape[1]
        trunk.train()
        with torch.random.fork_rng(devices=[]):
            heads = nn.Linear(width, HEADS * OVER * self.k)
        nn.init.normal_(heads.weight, 0, STD, generator=rng)
        nn.init.zeros_(heads.bias)
        return heads.to(like)

    def find_clusters(self, updates: int) -> Iterator[Step]:
        """The first part: the trunk and the heads raise what clusters keep."""
        adam = torch.optim.Adam(
            [*self.model.D.trunk.parameters(), *self.heads.parameters()], RATE, fused=True
        )
        for i in range(updates):
            _cool(adam, 2 * (1 - i / updates))
            x = self._pairs(i, SMALL)
            with self.fabric.autocast():
                log_p = self._log_clusters(self.model.D.trunk(x))
            pairs = (head.chunk(2) for head in log_p)
            kept = torch.stack([information(law_of_batch(a, b, self.fabric)) for a, b in pairs]).mean()
            self._descend(adam, -kept)
            yield Step(i + 1, kept.detach())

    def refine(self, done: int, updates: int) -> Iterator[Step]:
        """The second part: Q's head takes the groups over, and trunk and head raise what they keep."""
        D = self.model.D
        # Of one process, as each may have batch statistics of its own.
        head, groups = self.fabric.broadcast(self._merged())
        teacher = deepcopy(D.trunk).eval()
        adam = torch.optim.Adam(D.parameters(), RATE, fused=True)
        for i in range(updates):
            _cool(adam, 1.5 * (1 - i / updates))
            x = self._pairs(done + i, SMALL + (1 - SMALL) * min(1.0, 2 * i / updates))
            weight = max(0.0, 1 - i / (TAUGHT * updates))
            with self.fabric.autocast():
                log_p = self.model.latent.log_categories(D(x).q)
                taught = log_p.new_zeros(())
                if weight:
                    with torch.no_grad():
                        p = self._log_clusters(teacher(x))[head].exp() @ groups
                    taught = (p * log_p).sum(dim=1).mean()
            once, again = log_p.chunk(2)
            kept = information(law_of_batch(once, again, self.fabric))
            self._descend(adam, -kept - weight * taught)
            yield Step(done + i + 1, kept.detach())

    def _descend(self, adam: torch.optim.Optimizer, loss: Tensor) -> None:
        adam.zero_grad()
        self.fabric.backward(loss / self.world)
        if self.world > 1:
            from infogan.replicas import sum_gradients

            sum_gradients(adam)
        adam.step()

    def _pairs(self, n: int, size: float) -> Float[Tensor, "b2 ch h w"]:
        """A batch of real images moved, then the same moved otherwise."""
        x = self._images(self.epochs.chosen(n)[self.part]).repeat(2, 1, 1, 1)
        u = torch.rand(DRAWS, 2, self.batch, generator=self.rng, device=x.device, dtype=x.dtype)
        u = u[:, :, self.part].flatten(1)
        smaller = Motion(*(size * part for part in self.motion))._replace(mirror=self.motion.mirror)
        return move(x, smaller, u, float(self.model.G.low or 0))

    def _images(self, index: Int[Tensor, "n"]) -> Float[Tensor, "n ch h w"]:
        return self.model.G.to_range(self.pixels.take(index).to(self.model.device)).to(self.heads.weight)

    def _log_clusters(self, features: Float[Tensor, "n width"]) -> Float[Tensor, "heads n m"]:
        """log of what each head holds of each cluster, in nats."""
        logits: Tensor = self.heads(features).view(len(features), HEADS, OVER * self.k)
        return logits.log_softmax(dim=2).transpose(0, 1)

    @torch.no_grad()
    def _merged(self) -> tuple[int, Float[Tensor, "m k"]]:
        """The head whose clusters, merged into k groups, keep most of their neighbours; and these groups."""
        n = len(self.pixels)
        order = torch.randperm(n, generator=make_rng(0, "neighbours"))[:SAMPLE].to(self.model.device)
        small, held = [], []
        self.model.D.eval()
        for part in torch.split(order, CHUNK):
            images = self._images(part)
            small.append(_small(images))
            held.append(self._log_clusters(self.model.D.trunk(images)).exp())
        self.model.D.train()
        x, p = torch.cat(small), torch.cat(held, dim=1)
        near = neighbours(x, min(NEIGHBOURS, len(x) - 1))
        found: list[tuple[float, int, Bool[np.ndarray, "m k"]]] = []
        for head, p_head in enumerate(p):
            P = (p_head.T @ p_head[near].mean(dim=1)).double().cpu().numpy() / len(x)
            P = (P + P.T) / 2
            groups = merge(P / P.sum(), self.k)
            found.append((information_of(groups.T.astype(float) @ P @ groups), head, groups))
        _, head, groups = max(found, key=lambda one: one[0])
        return head, torch.from_numpy(groups).to(p)


def law_of_batch(
    log_p: Float[Tensor, "b k"], log_p_moved: Float[Tensor, "b k"], fabric: "Fabric"
) -> Float[Tensor, "k k"]:
    """`log_joint` over a batch of which each process has a part, as large as the others'.

    Its gradient in this part is as large as if it were the whole: those of all parts are averaged afterwards.
    """
    log_P = log_joint(log_p, log_p_moved)
    world = fabric.world_size
    if world == 1:
        return log_P
    from infogan.replicas import of_all

    laws = of_all(log_P.detach())
    laws[fabric.global_rank] = log_P.detach() + world * (log_P - log_P.detach())
    return torch.stack(laws).logsumexp(dim=0) - math.log(world)


def neighbours(x: Float[Tensor, "n d"], many: int) -> Int[Tensor, "n many"]:
    """The nearest others of each row, by their distance."""
    found = []
    for first, part in enumerate(torch.split(x, CHUNK)):
        distance = torch.cdist(part, x)
        rows = torch.arange(len(part), device=x.device)
        distance[rows, first * CHUNK + rows] = torch.inf
        found.append(distance.topk(many, largest=False).indices)
    return torch.cat(found)


def _small(x: Float[Tensor, "n ch h w"]) -> Float[Tensor, "n d"]:
    """Images as rows of numbers, of no more pixels than tell neighbours."""
    h, w = (min(side, SIDE) for side in x.shape[2:])
    return F.adaptive_avg_pool2d(x, (h, w)).flatten(1)


def _cool(adam: torch.optim.Optimizer, share: float) -> None:
    """The rate falls to 0 along a line, once `share` is below 1."""
    for group in adam.param_groups:
        group["lr"] = RATE * min(1.0, share)
