"""A small classifier of a data set's labels or factors, trained for its features."""

import hashlib
from collections.abc import Sequence
from typing import final

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from infogan.data import Images
from infogan.data.cache import cached_arrays
from infogan.data.formats.npy import Arrays
from infogan.data.labels import UNKNOWN
from infogan.evaluation.clustering import why_not_scored
from infogan.evaluation.disentanglement.codes_and_factors import discretise_factors
from infogan.method.networks.blocks import conv, fc, init_weights
from infogan.utils.progress import ProgressCallback
from infogan.utils.rng import make_rng

VERSION = 1  # increase it with every change to the result, so that cached networks are trained again
MAX_IMAGES = 20_000
STEPS, BATCH_SIZE, LR = 300, 128, 1e-3
MIN_CHANNELS, MAX_CHANNELS, N_FEATURES = 16, 128, 64
N_HASHED = 100  # images whose pixels identify a data set


@final
class Classifier(nn.Module):
    """Convolutions that halve the image down to 4x4 or less, 64 features, and one linear head per target."""

    def __init__(self, shape: tuple[int, int, int], n_classes: Sequence[int]) -> None:
        super().__init__()
        ch, h, w = shape
        layers: list[nn.Module] = []
        n_out = MIN_CHANNELS
        while max(h, w) > 4 and min(h, w) > 1:
            layers += conv(ch, n_out, nn.ReLU())
            ch, h, w = n_out, h // 2, w // 2
            n_out = min(2 * n_out, MAX_CHANNELS)
        self.trunk = nn.Sequential(*layers, nn.Flatten(), *fc(ch * h * w, N_FEATURES, nn.ReLU()))
        self.heads = nn.ModuleList(nn.Linear(N_FEATURES, k) for k in n_classes)

    def forward(self, x: UInt8[Tensor, "b ch h w"]) -> Float[Tensor, "b 64"]:
        """The features, without the heads."""
        features: Tensor = self.trunk(x.float() / 255)
        return features


def classifier_targets(images: Images) -> Int[np.ndarray, "n f"] | None:
    """The factors as whole numbers, else the labels, without constant ones; None if nothing is left.

    A target of UNKNOWN stands for an unknown label.
    """
    if images.factors is not None:
        columns = discretise_factors(images.factors)
    elif images.labels is not None:
        labels = images.labels.numbers
        if why_not_scored(labels):
            return None
        rank = np.unique(labels, return_inverse=True)[1]
        lowest = labels.min()
        return (rank + lowest if lowest == UNKNOWN else rank)[:, None].astype(np.int64)
    else:
        return None
    ranks = [np.unique(v, return_inverse=True)[1] for v in columns.T]
    varying = [rank for rank in ranks if rank.max() > 0]
    return np.stack(varying, axis=1).astype(np.int64) if varying else None


def fit_classifier(
    images: Images, targets: Int[np.ndarray, "n f"], name: str, on_progress: ProgressCallback
) -> tuple[Classifier, float]:
    """The network in evaluation mode, and its accuracy on images that it was not trained on.

    Trained once, on at most 18,000 images, by Adam on the sum of the targets' cross-entropies, and cached. It
    depends on the images, the targets and the number of threads alone. It is used only to measure image
    quality: no label or factor reaches the training of an InfoGAN.
    """
    order = torch.randperm(len(images), generator=make_rng(0, "classifier images"))
    is_known = torch.from_numpy((targets != UNKNOWN).all(axis=1))
    order = order[is_known[order]][:MAX_IMAGES]
    y = torch.from_numpy(targets)[order]
    with torch.random.fork_rng(devices=[]):  # keeps the global random state: init_weights draws the weights
        net = Classifier(images.shape, [int(k) + 1 for k in targets.max(axis=0)])

    def train() -> Arrays:
        n_train = len(order) - max(1, len(order) // 10)
        on_progress(f"{name}: training on {n_train:,} images, which is done once")
        x = images.pixels.take(order).cpu()
        init_weights(net, make_rng(0, "classifier weights"))
        rng = make_rng(0, "classifier batches")
        adam = torch.optim.Adam(net.train().parameters(), LR)
        for _ in range(STEPS):
            index = torch.randint(n_train, (BATCH_SIZE,), generator=rng)
            features = net(x[index])
            losses = [
                F.cross_entropy(head(features), t) for head, t in zip(net.heads, y[index].T, strict=True)
            ]
            adam.zero_grad()
            torch.autograd.backward(torch.stack(losses).sum())
            adam.step()
        with torch.inference_mode():
            features = torch.cat([net.eval()(part) for part in torch.split(x[n_train:], BATCH_SIZE)])
            predicted = torch.stack([head(features).argmax(dim=1) for head in net.heads], dim=1)
        accuracy = (predicted == y[n_train:]).float().mean().numpy()
        return {"right": accuracy.astype(float), **{key: v.numpy() for key, v in net.state_dict().items()}}

    hashed = images.pixels.take(order[:N_HASHED]).cpu()
    digest = hashlib.sha256(targets.tobytes() + hashed.numpy().tobytes()).hexdigest()
    arrays = dict(cached_arrays(name, f"{VERSION} {images.shape} {targets.shape} {digest}", train))
    accuracy = float(arrays.pop("right"))
    net.load_state_dict({key: torch.from_numpy(v) for key, v in arrays.items()})
    return net.eval().requires_grad_(False), accuracy
