"""Readers: what real images, with their labels or factors, teach about generated ones.

A `FactorReader` is made from `Images`, the only thing with labels and factors, and takes pixels alone. It
never meets a model, and no module of training or of the choice without labels imports this one.

n = images, f = what is read.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple, final

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.stats import spearmanr
from torch import Tensor
from torch.nn import functional as F

from infogan.data import Images
from infogan.evaluation.disentanglement.association import pairwise_association
from infogan.method.codes import Kind
from infogan.paper.quantities import QUANTITIES, Pixels
from infogan.pretraining.encoder import Encoder
from infogan.utils.rng import make_rng

STEPS, BATCH_SIZE, LR, WEIGHT_DECAY = 800, 128, 2e-3, 0.02
MAX_IMAGES = 20_000  # that a reader learns from
CHUNK = 500
LOW, HIGH = 0.05, 0.95  # quantiles of the readings of real images: the real range


class Quality(NamedTuple):
    """How good a reader is on real images that it did not learn from."""

    measure: str
    value: float
    chance: float


class FactorReadings(NamedTuple):
    """What is read off images: each factor as its kind says, and the class shown, if there are classes."""

    factors: Float[np.ndarray, "n f"]
    labels: Int[np.ndarray, "n"] | None


@final
@dataclass(frozen=True)
class FactorReader:
    """Reads factors off images: by a small network, or by what can be measured directly.

    Attributes:
        names: of the factors that are read.
        kinds: a number, an angle in radians, or a category: the probability of an attribute.
        ranges: the real range of each factor: from the 5th to the 95th percentile of the readings of real
            images; a turn of an angle; 1 of a probability.
        quality: of each factor that a network reads, and of `label`.
        net: None if everything is measured directly.
    """

    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    ranges: Float[np.ndarray, "f"]
    quality: dict[str, Quality]
    quantities: tuple[str, ...]
    net: Encoder | None
    n_labels: int  # 0 if the data set has none

    def read(self, x: Pixels) -> FactorReadings:
        outputs = self._outputs(x)
        measured = [QUANTITIES[name](x) for name in self.quantities]
        factors = np.column_stack([np.empty((len(x), 0)), *measured, *self._learned(outputs)])
        labels = outputs[:, -self.n_labels :].argmax(axis=1) if self.n_labels else None
        return FactorReadings(factors, labels)

    def _learned(self, outputs: Float[np.ndarray, "n o"]) -> list[Float[np.ndarray, "n"]]:
        columns, at = [], 0
        for kind in self.kinds[len(self.quantities) :]:
            y = outputs[:, at : at + WIDTHS[kind]]
            at += WIDTHS[kind]
            if kind == "angle":
                columns.append(np.arctan2(y[:, 1], y[:, 0]))
            else:
                columns.append(y[:, 0] if kind == "number" else 1 / (1 + np.exp(-y[:, 0])))
        return columns

    @torch.inference_mode()
    def _outputs(self, x: Pixels) -> Float[np.ndarray, "n o"]:
        if self.net is None:
            return np.empty((len(x), 0), np.float32)
        parts = torch.split(torch.from_numpy(x), CHUNK)
        outputs: np.ndarray = torch.cat([self.net(part.float() / 255) for part in parts]).numpy()
        return outputs


WIDTHS: dict[Kind, int] = {"number": 1, "angle": 2, "category": 1}  # outputs of the network


def train_reader(train: Images, held_out: Images, quantities: tuple[str, ...] = ()) -> FactorReader:
    """A reader of the factors of these images, of their labels, and of some quantities.

    Depends on the images and on the number of threads alone. Factors with more than two categories are left
    out: none of the paper's figures shows one.

    Args:
        held_out: other images of the same kind, on which the reader is judged and the real range measured.
    """
    train = train.subsample(MAX_IMAGES)
    columns = () if train.factors is None else train.factors.columns
    kept = [i for i, column in enumerate(columns) if column.kind != "category" or _is_binary(train, i)]
    names = (*quantities, *(columns[i].name for i in kept))
    number: Kind = "number"
    kinds: tuple[Kind, ...] = (*(number for _ in quantities), *(columns[i].kind for i in kept))
    n_labels = 0 if train.labels is None else int(train.labels.numbers.max()) + 1
    net = None
    if kept or n_labels:
        net = _fit(train, kept, n_labels)
    unscaled = FactorReader(names, kinds, np.ones(len(names)), {}, quantities, net, n_labels)
    readings, read_labels = unscaled.read(held_out.x)
    low, high = np.quantile(readings, [LOW, HIGH], axis=0)
    fixed = {"angle": 2 * math.pi, "category": 1.0}
    ranges = np.array([fixed.get(kind, width) for kind, width in zip(kinds, high - low, strict=True)])
    quality = {
        columns[i].name: _quality(
            readings[:, len(quantities) + j], held_out.factors.values[:, i], columns[i].kind
        )
        for j, i in enumerate(kept)
        if held_out.factors is not None
    }
    if n_labels and held_out.labels is not None:
        y = held_out.labels.numbers
        quality["label"] = Quality("accuracy", float((y == read_labels).mean()), _commonest(y))
    return FactorReader(names, kinds, np.maximum(ranges, 1e-9), quality, quantities, net, n_labels)


def split_off(images: Images) -> tuple[Images, Images]:
    """Four fifths of the images, and the others, for a data set without another split."""
    order = torch.randperm(len(images), generator=make_rng(0, "held-out images")).numpy()
    n = len(images) // 5
    held_out, train = np.sort(order[:n]), np.sort(order[n:])
    return _take(images, train), _take(images, held_out)


def _take(images: Images, index: Int[np.ndarray, "k"]) -> Images:
    labels = None if images.labels is None else images.labels.take(index)
    x = images.pixels.take(torch.from_numpy(index)).cpu().numpy()
    factors = None
    if images.factors is not None:
        factors = type(images.factors)(images.factors.columns, images.factors.values[index])
    return Images.from_arrays(x, labels, factors=factors)


def _is_binary(images: Images, i: int) -> bool:
    assert images.factors is not None
    return bool(np.isin(images.factors.values[:, i], (0, 1)).all())


def _fit(images: Images, kept: list[int], n_labels: int) -> Encoder:
    """The network, trained by Adam on the sum of squared errors and cross-entropies.

    A number is learned as its standard score, an angle as cosine and sine.
    """
    x = torch.from_numpy(images.x)
    targets: list[tuple[Kind, Tensor]] = []
    for i in kept:
        assert images.factors is not None
        kind, v = images.factors.columns[i].kind, images.factors.values[:, i]
        y = np.column_stack([np.cos(v), np.sin(v)]) if kind == "angle" else v[:, None]
        if kind == "number":
            y = (y - y.mean()) / max(1e-9, y.std())
        targets.append((kind, torch.from_numpy(y).float()))
    labels = torch.from_numpy(images.labels.numbers) if n_labels and images.labels is not None else None
    n_outputs = sum(WIDTHS[kind] for kind, _ in targets) + n_labels
    net = Encoder(images.shape[0], n_outputs, make_rng(0, "reader weights"))
    rng = make_rng(0, "reader batches")
    adam = torch.optim.AdamW(net.parameters(), LR, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, LR, STEPS)
    for _ in range(STEPS):
        index = torch.randint(len(x), (BATCH_SIZE,), generator=rng)
        y = net(x[index].float() / 255)
        at, losses = 0, []
        for kind, target in targets:
            part = y[:, at : at + WIDTHS[kind]]
            at += WIDTHS[kind]
            loss = F.binary_cross_entropy_with_logits if kind == "category" else F.mse_loss
            losses.append(loss(part, target[index]))
        if labels is not None:
            losses.append(F.cross_entropy(y[:, -n_labels:], labels[index], ignore_index=-1))
        adam.zero_grad()
        torch.autograd.backward(torch.stack(losses).sum())
        adam.step()
        schedule.step()
    return net.eval().requires_grad_(False)


def _quality(read: Float[np.ndarray, "n"], truth: Float[np.ndarray, "n"], kind: Kind) -> Quality:
    if kind == "category":
        return Quality("accuracy", float(((read > 0.5) == (truth > 0.5)).mean()), _commonest(truth))
    chance = math.sqrt(2 / math.pi / len(read))  # the mean of |rho| of unrelated numbers
    if kind == "number":
        return Quality("|Spearman|", abs(float(spearmanr(read, truth).statistic)), chance)
    value = pairwise_association(read[:, None], ["angle"], truth[:, None], ["angle"])[0, 0]
    return Quality("circular correlation", float(value), chance)


def _commonest(values: np.ndarray) -> float:
    """What always the commonest answer would score."""
    return float(np.unique(values, return_counts=True)[1].max() / len(values))
