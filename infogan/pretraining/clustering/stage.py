"""Before the game a finder, a network like D, finds kinds of real images, by what holds still as they move.

A Q of k categories that raises I(k; k') of an image and the same image moved (`objective.information`, IIC)
may settle where two kinds share a category and a third has two. One of 3 k clusters has no need to. So:

1. D's trunk learns, with five heads of 3 k clusters each, which all raise that information.
2. The trunk's features part the images into 40 k cells, in eight ways (cells.py), and the cells of each are
   put into k groups (grouping.py) by what near images (neighbours.py) tell of each other's cells. Motions are
   small, and there are kinds of one thing that no small motion makes each other; neighbours bridge these.
3. Q's own head learns these groups, and raises the information itself, while motions grow.

Where the ways do not agree there are no kinds, and the game goes on without: what Q would learn of real
images would be of no use to the codes, and takes D's trunk from its own work.

No label takes part. Q's other codes stay as they were drawn. The game does not go on with the finder's
weights, as a warmed trunk is a weak D, but asks it what kind a real image is of (`Trainer.find`).
"""

import math
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from infogan.config.config import Config
from infogan.config.spec import Motion, parse_motion
from infogan.data.images import PixelArray
from infogan.data.loading.batches import EpochSampler
from infogan.method.model import Model
from infogan.method.objective import information, log_joint
from infogan.pretraining.clustering.consensus import agree, agreement
from infogan.pretraining.clustering.neighbours import CHUNK, neighbours
from infogan.pretraining.clustering.over_clusters import Cells
from infogan.pretraining.transforms import DRAWS, move
from infogan.utils.errors import NotFinite
from infogan.utils.rng import make_rng

if TYPE_CHECKING:
    from lightning_fabric import Fabric

HEADS, OVER = 5, 3  # heads, of so many clusters a category
CLUSTERS = 1 / 3  # of the warm-up, which finds clusters; in the rest Q learns groups
SMALL = 0.7  # of the motion, while clusters are found: what small motions tell is learned sooner
BATCH = 256  # and as many moved: a joint law takes more than D's step needs
RATE = 1e-3
STD = 0.2  # of the heads' weights: Q's own 0.02 would leave all clusters alike for long
SAMPLE = 20  # images by which groups are found, for each update that found clusters
WAYS = 8  # of parting them into cells
AGREED = 0.75  # by the ways, where there are kinds (docs/results.md)


class Step(NamedTuple):
    """An update of the warm-up, or a moment between two."""

    n: int  # updates done
    kept: Float[Tensor, ""]  # of an image, by its cluster or category, in nats
    agreement: float = math.nan  # of the ways, 0 to 1, when they have made groups


def warm_up(
    model: Model, pixels: PixelArray, config: Config, fabric: "Fabric"
) -> Generator[Step, None, bool]:
    """Runs the `config.warm_up` updates on D's trunk and Q's head, yielding after each, and between.

    That D is the finder, which the game asks what kind a real image is of; the game's own begins as drawn.
    Gives whether there are kinds; where there are none, the updates that would learn them are left out.

    The same for the same config and images; what was stopped has to begin anew.

    Raises:
        NotFinite: where what is kept is no finite number.
    """
    model.D.train()
    warm = _WarmUp(model, pixels, config, fabric)
    first = round(CLUSTERS * config.warm_up)
    yield from warm.find_clusters(first)
    _require_finite(warm.kept)
    groups = yield from warm.find_groups(first, config.warm_up)
    if groups is None:
        return False
    yield from warm.learn_groups(groups, first, config.warm_up)
    _require_finite(warm.kept)
    if fabric.world_size > 1:  # whose batch norms may each have statistics of their own
        for statistic in model.D.buffers():
            statistic.copy_(fabric.broadcast(statistic))
    model.D.eval()
    return True


class _WarmUp:
    def __init__(self, model: Model, pixels: PixelArray, config: Config, fabric: "Fabric") -> None:
        self.model, self.pixels, self.config, self.fabric = model, pixels, config, fabric
        self.motion, self.low = parse_motion(config.motion), float(model.G.low or 0)
        self.k = model.latent.k
        self.rng = make_rng(config.seed, "warm-up", model.device)
        self.world = fabric.world_size
        part = min(BATCH, len(pixels)) // self.world
        self.part = slice(fabric.global_rank * part, (fabric.global_rank + 1) * part)
        self.batch = part * self.world
        self.epochs = EpochSampler(len(pixels), self.batch, config.seed, model.device)
        self.heads = self._make_heads(make_rng(config.seed, "warm-up's heads"))
        self.kept = self.heads.weight.new_zeros(())

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
            self.kept = kept.detach()
            yield Step(i + 1, self.kept)

    def find_groups(self, done: int, end: int) -> Generator[Step, None, Float[Tensor, "n k"] | None]:
        """The second part, after `done` updates: gives the share of ways that put an image in each group.

        Of the images that the updates up to `end` will see; of others 0. None where the ways disagree.
        """
        n, rng = len(self.pixels), make_rng(self.config.seed, "warm-up's groups", self.model.device)
        pause = Step(done, self.kept)
        self.model.D.eval()
        sample = torch.randperm(n, generator=make_rng(self.config.seed, "warm-up's sample"))
        sample = sample[: max(SAMPLE * done, self.batch)]
        near = []
        for part in neighbours(self._images, sample.to(self.model.device), self.motion, rng, self.low):
            near.append(part.cpu().numpy())
            yield pause
        cells = Cells(np.concatenate([self._features(part) for part in torch.split(sample, CHUNK)]), self.k)
        for way in range(WAYS):
            cells.part(self.config.seed + way)
            yield pause
        groups = agree(np.array(cells.labels), np.concatenate(near), np.array(cells.starts), self.k)
        named = np.stack([of[row] for of, row in zip(groups, cells.labels, strict=True)])
        agreed: float = self.fabric.broadcast(agreement(named))
        yield Step(done, self.kept, agreed)
        if agreed < AGREED:
            return None
        shares = torch.zeros(n, self.k)
        seen = torch.unique(torch.cat([self.epochs.indices(i) for i in range(done, end)])).cpu()
        for part in torch.split(seen, CHUNK):
            for of_cells, labels in zip(groups, cells.find(self._features(part)), strict=True):
                shares[part, torch.from_numpy(of_cells[labels])] += 1 / WAYS
            yield pause
        self.model.D.train()
        # Of one process, as each may have batch statistics of its own.
        found: Tensor = self.fabric.broadcast(shares.to(self.kept))
        return found

    def learn_groups(self, groups: Float[Tensor, "n k"], done: int, end: int) -> Iterator[Step]:
        """The third part: Q's head takes the groups over, and trunk and head raise what they keep."""
        D, updates = self.model.D, end - done
        adam = torch.optim.Adam(D.parameters(), RATE, fused=True)
        for i in range(updates):
            _cool(adam, 1.5 * (1 - i / updates))
            x = self._pairs(done + i, SMALL + (1 - SMALL) * min(1.0, 2 * i / updates))
            p = groups[self.epochs.indices(done + i)[self.part]].repeat(2, 1)
            with self.fabric.autocast():
                log_p = self.model.latent.log_categories(D(x).q)
            once, again = log_p.chunk(2)
            kept = information(law_of_batch(once, again, self.fabric))
            weight = 1 - i / updates
            self._descend(adam, -kept - weight * (p * log_p).sum(dim=1).mean())
            self.kept = kept.detach()
            yield Step(done + i + 1, self.kept)

    def _descend(self, adam: torch.optim.Optimizer, loss: Tensor) -> None:
        adam.zero_grad()
        self.fabric.backward(loss / self.world)
        if self.world > 1:
            from infogan.utils.distributed import sum_gradients

            sum_gradients(adam)
        adam.step()

    def _pairs(self, n: int, size: float) -> Float[Tensor, "b2 ch h w"]:
        """A batch of real images moved, then the same moved otherwise."""
        x = self._images(self.epochs.indices(n)[self.part]).repeat(2, 1, 1, 1)
        u = torch.rand(DRAWS, 2, self.batch, generator=self.rng, device=x.device, dtype=x.dtype)
        u = u[:, :, self.part].flatten(1)
        smaller = Motion(*(size * part for part in self.motion))._replace(mirror=self.motion.mirror)
        return move(x, smaller, u, self.low)

    def _images(self, index: Int[Tensor, "n"]) -> Float[Tensor, "n ch h w"]:
        return self.model.G.to_range(self.pixels.take(index).to(self.model.device)).to(self.heads.weight)

    def _log_clusters(self, features: Float[Tensor, "n width"]) -> Float[Tensor, "heads n m"]:
        """log of what each head holds of each cluster, in nats."""
        logits: Tensor = self.heads(features).view(len(features), HEADS, OVER * self.k)
        return logits.log_softmax(dim=2).transpose(0, 1)

    @torch.no_grad()
    def _features(self, index: Int[Tensor, "n"]) -> Float[np.ndarray, "n width"]:
        features: Tensor = self.model.D.trunk(self._images(index.to(self.model.device)))
        return features.float().cpu().numpy()


def _require_finite(kept: Float[Tensor, ""]) -> None:
    if not math.isfinite(kept):
        raise NotFinite("the warm-up came to a loss that is no finite number; choose a smaller --motion.")


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
    from infogan.utils.distributed import of_all

    laws = of_all(log_P.detach())
    laws[fabric.global_rank] = log_P.detach() + world * (log_P - log_P.detach())
    return torch.stack(laws).logsumexp(dim=0) - math.log(world)


def _cool(adam: torch.optim.Optimizer, share: float) -> None:
    """The rate falls to 0 along a line, once `share` is below 1."""
    for group in adam.param_groups:
        group["lr"] = RATE * min(1.0, share)
