"""A small network that learns to tell what is known of a data set's images, for the sake of its features."""

import hashlib
from collections.abc import Callable, Sequence
from typing import final

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from infogan.data import Images
from infogan.data.cache import cached_arrays
from infogan.data.formats.npy import Arrays
from infogan.evaluation.disentanglement.pairs import group
from infogan.method.networks.blocks import conv, fc, init_weights
from infogan.utils.rng import make_rng

VERSION = 1  # raise it with every change of what is computed here, so that no old network is read again
MOST = 20_000
STEPS, BATCH, LR = 300, 128, 1e-3
CHANNELS, MOST_CHANNELS, WIDTH = 16, 128, 64
LOOK = 100  # images whose pixels tell one data set from another


@final
class Classifier(nn.Module):
    """Convolutions that halve the image down to 4x4 or less, 64 features, and a linear head a target."""

    def __init__(self, shape: tuple[int, int, int], sizes: Sequence[int]) -> None:
        super().__init__()
        ch, h, w = shape
        layers: list[nn.Module] = []
        n_out = CHANNELS
        while max(h, w) > 4 and min(h, w) > 1:
            layers += conv(ch, n_out, nn.ReLU())
            ch, h, w = n_out, h // 2, w // 2
            n_out = min(2 * n_out, MOST_CHANNELS)
        self.trunk = nn.Sequential(*layers, nn.Flatten(), *fc(ch * h * w, WIDTH, nn.ReLU()))
        self.heads = nn.ModuleList(nn.Linear(WIDTH, k) for k in sizes)

    def forward(self, x: UInt8[Tensor, "b ch h w"]) -> Float[Tensor, "b 64"]:
        """The features; the heads are for training alone."""
        features: Tensor = self.trunk(x.float() / 255)
        return features


def known(images: Images) -> Int[np.ndarray, "n f"] | None:
    """What a classifier can learn: the factors as whole numbers, else the labels; None if nothing varies."""
    if images.factors is not None:
        columns = group(images.factors)
    elif images.labels is not None:
        columns = images.labels[:, None]
    else:
        return None
    ranks = [np.unique(v, return_inverse=True)[1] for v in columns.T]
    vary = [rank for rank in ranks if rank.max() > 0]
    return np.stack(vary, axis=1).astype(np.int64) if vary else None


def fit_classifier(
    images: Images, targets: Int[np.ndarray, "n f"], name: str, say: Callable[[str], None] = lambda _: None
) -> tuple[Classifier, float]:
    """The network in evaluation mode, and the share of targets that it tells on images it was not shown.

    Trained once on at most 18,000 images, Adam on the sum of the targets' cross-entropies, and kept in the
    cache. It depends on the images, the targets and the number of threads alone. Labels and factors get no
    further than this: what is trained here measures images, and takes no part in making them.

    Args:
        name: of what is kept in the cache.
        say: told if it is trained.
    """
    order = torch.randperm(len(images), generator=make_rng(0, "classifier images"))[:MOST]
    y = torch.from_numpy(targets)[order]
    sizes = [int(k) + 1 for k in targets.max(axis=0)]
    with torch.random.fork_rng(devices=[]):  # layers draw weights when they are made, which are drawn anew
        net = Classifier(images.shape, sizes)

    def make() -> Arrays:
        cut = len(order) - max(1, len(order) // 10)
        say(f"{name}: training on {cut:,} images, which is done once")
        x = images.pixels.take(order).cpu()
        _train(net, x[:cut], y[:cut])
        right = _share_right(net, x[cut:], y[cut:])
        return {"right": np.array(right), **{key: v.numpy() for key, v in net.state_dict().items()}}

    look = images.pixels.take(order[:LOOK]).cpu()
    seen = hashlib.sha256(targets.tobytes() + look.numpy().tobytes()).hexdigest()
    arrays = dict(cached_arrays(name, f"{VERSION} {images.shape} {targets.shape} {seen}", make))
    right = float(arrays.pop("right"))
    net.load_state_dict({key: torch.from_numpy(v) for key, v in arrays.items()})
    return net.eval().requires_grad_(False), right


def _train(net: Classifier, x: UInt8[Tensor, "n ch h w"], y: Int[Tensor, "n f"]) -> None:
    init_weights(net, make_rng(0, "classifier weights"))
    rng = make_rng(0, "classifier batches")
    adam = torch.optim.Adam(net.parameters(), LR)
    for _ in range(STEPS):
        index = torch.randint(len(x), (BATCH,), generator=rng)
        features = net.train()(x[index])
        losses = [F.cross_entropy(head(features), t) for head, t in zip(net.heads, y[index].T, strict=True)]
        adam.zero_grad()
        torch.stack(losses).sum().backward()  # type: ignore[no-untyped-call]
        adam.step()


@torch.inference_mode()
def _share_right(net: Classifier, x: UInt8[Tensor, "n ch h w"], y: Int[Tensor, "n f"]) -> float:
    features = torch.cat([net.eval()(part) for part in torch.split(x, BATCH)])
    found = torch.stack([head(features).argmax(dim=1) for head in net.heads], dim=1)
    return float((found == y).float().mean())
