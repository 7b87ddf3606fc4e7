"""The stage: a network like D learns to cluster real images by what small transforms leave unchanged.

Maximising I(k; k') between the clusters of an image and of its transformed copy (IIC, Ji et al. 2019) with k
categories alone may put two classes into one category and split a third. So the stage has three parts:

1. D's trunk learns with five heads of 3k clusters each.
2. The trunk's features are split into 40k over-clusters, in eight partitions (`over_clusters.py`). Each
   partition is merged into k clusters (`consensus.py`; `linkage.py` if they may differ in size) by how often
   images of two over-clusters are neighbours (`neighbours.py`), which connects what no small transform does.
3. Q's head learns these clusters, and keeps maximising I(k; k'), under growing transforms.

If the partitions disagree, no clustering is used: it would tell Q nothing that its codes could use. No label
takes part in these. If a person names the classes of some images, they turn clusters into categories at the
very end (`label_spreading.py`). A code under the categories gets clusters within each (`sub_clusters.py`).
Adversarial training starts from D's initial weights, as a pretrained trunk makes a weak D.
"""

import math
from collections.abc import Generator, Iterator
from copy import deepcopy
from typing import TYPE_CHECKING, final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from infogan.config import Config
from infogan.config.transforms import Transforms, parse_transforms
from infogan.data.images import PixelArray
from infogan.data.labels import Labels
from infogan.data.loading.batches import EpochSampler
from infogan.method.model import Model
from infogan.method.networks.blocks import DiscriminatorQ
from infogan.method.transforms import N_UNIFORMS, transform
from infogan.pretraining.clustering.consensus import consensus_clusters, stability
from infogan.pretraining.clustering.heads import make_heads
from infogan.pretraining.clustering.label_spreading import name_clusters
from infogan.pretraining.clustering.linkage import linked_clusters
from infogan.pretraining.clustering.mutual_information import (
    information_and_prior,
    log_joint_of_all,
    mutual_information,
)
from infogan.pretraining.clustering.neighbours import CHUNK, nearest_neighbours
from infogan.pretraining.clustering.over_clusters import PartitionedSample, Partitions
from infogan.pretraining.clustering.steps import LEARNING_RATE, descend, set_learning_rate
from infogan.pretraining.clustering.sub_clusters import find_sub_clusters, model_without_codes_under
from infogan.pretraining.stage import Outcome, Stage, Targets
from infogan.utils.errors import NonFiniteError
from infogan.utils.rng import make_rng

if TYPE_CHECKING:
    from lightning_fabric import Fabric

N_HEADS, OVER_CLUSTERING = 5, 3  # heads in part 1, and their clusters per category
FIRST_FRACTION = 1 / 3  # of the steps: part 1; the rest is part 3
FIRST_STRENGTH = 0.7  # of the transforms in part 1: small ones are learned sooner
BATCH_SIZE = 256  # images, each in two views: a joint distribution needs more than D's step does
SAMPLES_PER_STEP = 20  # images that are clustered in part 2, per step of part 1
N_PARTITIONS = 8
MIN_STABILITY = 0.75  # mean NMI of partitions, below which clusters are not used (docs/results/clustering.md)


@final
class Clustering(Stage):
    """Clusters real images into the categories of a model's first discrete code.

    The same config and images give the same result; an interrupted stage has to start again.
    """

    def __init__(
        self, model: Model, pixels: PixelArray, config: Config, fabric: "Fabric", labels: Labels | None = None
    ) -> None:
        """
        Args:
            model: gives the network's shape and initial weights, and the code; it is not changed.
            labels: the classes of some images that clusters are to be named after, as `named_classes`.
        """
        self.labels = labels
        self.latent, self.to_range, self.k = model.latent, model.G.to_range, model.latent.k
        self.code = next(i for i, code in enumerate(model.latent.codes) if code.categories)
        self.sub_code = model.latent.category_under(self.code)
        self.low, self.pixels, self.fabric = float(model.G.low or 0), pixels, fabric
        self.seed, self.n_steps = config.run.seed, config.pretraining.steps
        self.is_uniform = config.codes.prior == "uniform"
        self.transforms = parse_transforms(config.pretraining.transforms)
        self.D: DiscriminatorQ = deepcopy(model_without_codes_under(model, config).D).train()
        like = next(self.D.parameters())
        self.device, self.dtype = like.device, like.dtype
        self.rng = make_rng(self.seed, "clustering", self.device)
        part = min(BATCH_SIZE, len(pixels)) // fabric.world_size
        self.part = slice(fabric.global_rank * part, (fabric.global_rank + 1) * part)
        self.batch_size = part * fabric.world_size
        self.epochs = EpochSampler(len(pixels), self.batch_size, self.seed, self.device)
        self.heads = make_heads(self.D, model.G.shape, N_HEADS * OVER_CLUSTERING * self.k, self.seed)
        self.information = like.new_zeros(())  # of the last step, in nats
        self.stability = math.nan

    def run(self, earlier: Targets) -> Iterator[int]:
        """Raises NonFiniteError if the mutual information is NaN."""
        yield from self.train_heads(n_first := round(FIRST_FRACTION * self.n_steps))
        self.check_finite()
        after_heads = deepcopy(self.D.state_dict())
        sample = yield from self.partition(n_first, N_PARTITIONS)
        shares = yield from self.find_clusters(sample, n_first)
        outcome = f"clustering stability (mean NMI of {N_PARTITIONS} partitions) {self.stability:.2f}"
        targets, categories = Targets(), {}
        if shares is None:
            outcome += f", below {MIN_STABILITY}: training without pseudo-labels"
        else:
            yield from self.train_clusters(shares, n_first)
            self.check_finite()
            table = yield from self.predict_proba()
            kept = f"{float(self.information):.2f} of {math.log(self.k):.2f} nats"
            outcome += f"; mutual information under transforms {kept}"
            if self.labels:
                table, told = yield from name_clusters(table, self.labels, self.features, self.n_steps)
                table, outcome = self.fabric.broadcast(table), f"{outcome}; {told}"
                categories[self.code] = self.labels.names or ()
            tables = {self.code: table}
            if self.sub_code is not None:
                self.D.load_state_dict(after_heads)
                tables[self.sub_code], told = yield from find_sub_clusters(self, sample, table)
                outcome = f"{outcome}; {told}"
            targets = Targets(tables)
        self.outcome = Outcome(targets, outcome, categories)

    def train_heads(self, n_steps: int) -> Iterator[int]:
        """Part 1: the trunk and the heads maximise the mutual information of their clusters."""
        adam = torch.optim.Adam(
            [*self.D.q_trunk.parameters(), *self.heads.parameters()], LEARNING_RATE, fused=True
        )
        for i in range(n_steps):
            set_learning_rate(adam, 2 * (1 - i / n_steps))
            x = self._two_views(i, FIRST_STRENGTH)
            with self.fabric.autocast():
                logits = self.heads(self.D.q_trunk(x))
            log_p = logits.to(self.dtype).view(len(x), N_HEADS, -1).log_softmax(dim=2).transpose(0, 1)
            each = [mutual_information(log_joint_of_all(head, self.fabric)) for head in log_p]
            information = torch.stack(each).mean()
            descend(adam, -information, self.fabric)
            self.information = information.detach()
            yield i + 1

    def find_clusters(
        self, sample: PartitionedSample, n_done: int
    ) -> Generator[int, None, Float[Tensor, "n k"] | None]:
        """The end of part 2: the share of partitions that put an image into each cluster.

        None if they disagree. Only for the images that part 3 will see; 0 for others.
        """
        partitions = sample.partitions
        labels, starts = np.array(partitions.labels), np.array(partitions.starts)
        if self.is_uniform:
            clusters = consensus_clusters(labels, sample.near, starts, self.k)
        else:
            clusters = linked_clusters(labels, sample.near, partitions.m, self.k)
        named = np.stack([of[row] for of, row in zip(clusters, labels, strict=True)])
        self.stability = self.fabric.broadcast(stability(named))
        if self.stability < MIN_STABILITY:
            return None
        shares = torch.zeros(len(self.pixels), self.k)
        seen = [self.epochs.indices(i) for i in range(n_done, self.n_steps)]
        for part in torch.split(torch.unique(torch.cat(seen)).cpu(), CHUNK):
            found = partitions.predict(self.features(part))
            for of_over_clusters, row in zip(clusters, found, strict=True):
                shares[part, torch.from_numpy(of_over_clusters[row])] += 1 / N_PARTITIONS
            yield n_done
        self.D.train()
        # From one process, as each may have its own batch statistics.
        shared: Tensor = self.fabric.broadcast(shares.to(self.device, self.dtype))
        return shared

    def partition(self, n_done: int, r: int) -> Generator[int, None, PartitionedSample]:
        """The start of part 2: a sample of images in r partitions into over-clusters, and its neighbours."""
        rng = make_rng(self.seed, "clustering neighbours", self.device)
        self.D.eval()
        sample = torch.randperm(len(self.pixels), generator=make_rng(self.seed, "clustering sample"))
        sample = sample[: max(SAMPLES_PER_STEP * n_done, self.batch_size)]
        near = []
        for part in nearest_neighbours(self._images, sample.to(self.device), self.transforms, rng, self.low):
            near.append(part.cpu().numpy())
            yield n_done
        features = np.concatenate([self.features(part) for part in torch.split(sample, CHUNK)])
        partitions = Partitions(features, self.k)
        for i in range(r):
            partitions.add(self.seed + i)
            yield n_done
        return PartitionedSample(sample.numpy(), partitions, np.concatenate(near))

    def train_clusters(self, shares: Float[Tensor, "n k"], n_done: int) -> Iterator[int]:
        """Part 3: Q's head learns the clusters, and trunk and head maximise their mutual information."""
        n_steps, prior = self.n_steps - n_done, shares.mean(dim=0)
        log_prior = (prior / prior.sum()).clamp(min=1e-6).log()
        adam = torch.optim.Adam(self.D.parameters(), LEARNING_RATE, fused=True)
        for i in range(n_steps):
            set_learning_rate(adam, 1.5 * (1 - i / n_steps))
            x = self._two_views(n_done + i, FIRST_STRENGTH + (1 - FIRST_STRENGTH) * min(1.0, 2 * i / n_steps))
            p = shares[self.epochs.indices(n_done + i)[self.part]].repeat(2, 1)
            log_p = self._log_p(x)
            log_P = log_joint_of_all(log_p, self.fabric)
            information = mutual_information(log_P)
            loss = -information if self.is_uniform else -information_and_prior(log_P, log_prior)
            weight = 1 - i / n_steps
            descend(adam, loss - weight * (p * log_p).sum(dim=1).mean(), self.fabric)
            self.information = information.detach()
            yield n_done + i + 1

    def predict_proba(self) -> Generator[int, None, Float[Tensor, "n k"]]:
        """The clustering network's p(.|x) for every image, in half precision."""
        self.D.eval()
        table = torch.empty(len(self.pixels), self.k, dtype=torch.float16, device=self.device)
        for part in torch.split(torch.arange(len(self.pixels)), CHUNK):
            with torch.no_grad():
                table[part.to(self.device)] = self._log_p(self._images(part.to(self.device))).exp().half()
            yield self.n_steps
        shared: Tensor = self.fabric.broadcast(table)
        return shared

    def check_finite(self) -> None:
        if not math.isfinite(self.information):
            raise NonFiniteError("clustering: the mutual information is NaN; choose smaller transforms.")

    def _two_views(self, n: int, strength: float) -> Float[Tensor, "b2 ch h w"]:
        """The images of step n transformed, then the same transformed otherwise."""
        x = self._images(self.epochs.indices(n)[self.part]).repeat(2, 1, 1, 1)
        u = torch.rand(
            N_UNIFORMS, 2, self.batch_size, generator=self.rng, device=self.device, dtype=self.dtype
        )
        weaker = Transforms(*(strength * size for size in self.transforms))
        weaker = weaker._replace(hflip=self.transforms.hflip)
        return transform(x, weaker, u[:, :, self.part].flatten(1), self.low)

    def _images(self, index: Int[Tensor, "n"]) -> Float[Tensor, "n ch h w"]:
        return self.to_range(self.pixels.take(index).to(self.device)).to(self.dtype)

    def _log_p(self, x: Float[Tensor, "n ch h w"]) -> Float[Tensor, "n k"]:
        """log Q(k|x) of the first discrete code, in nats."""
        with self.fabric.autocast():
            q = self.D(x).q
        return self.D.latent.log_categories([q_i.to(self.dtype) for q_i in q])

    @torch.no_grad()
    def features(self, index: Int[Tensor, "n"]) -> Float[np.ndarray, "n width"]:
        features: Tensor = self.D.q_trunk(self._images(index.to(self.device)))
        return features.float().cpu().numpy()
