"""A small convolutional encoder, shared by the stages of pretraining and the readers of `infogan.paper`."""

import math
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from infogan.utils.torch_state import to_channels_last

SIDE = 32  # pixels that images are brought to
WIDTHS = (32, 64, 64)


@final
class Encoder(nn.Module):
    """Three convolutions of stride 2, a hidden layer of 256, and a linear head."""

    def __init__(self, channels: int, n_outputs: int, rng: torch.Generator) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for n_in, n_out in zip((channels, *WIDTHS), WIDTHS, strict=False):
            layers += [nn.Conv2d(n_in, n_out, 4, 2, 1), nn.LeakyReLU(0.1)]
        flat = WIDTHS[-1] * (SIDE // 2 ** len(WIDTHS)) ** 2
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(flat, 256), nn.LeakyReLU(0.1))
        self.head = nn.Linear(256, n_outputs)
        for layer in self.modules():  # PyTorch's own initial weights, from this generator
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_uniform_(layer.weight, math.sqrt(5), generator=rng)
                bound = 1 / math.sqrt(layer.weight[0].numel())
                assert layer.bias is not None
                nn.init.uniform_(layer.bias, -bound, bound, generator=rng)
        to_channels_last(self)

    def features(self, x: Float[Tensor, "b ch h w"]) -> Float[Tensor, "b 256"]:
        features: Tensor = self.layers(resized(x, SIDE))
        return features

    def forward(self, x: Float[Tensor, "b ch h w"]) -> Float[Tensor, "b outputs"]:
        outputs: Tensor = self.head(self.features(x))
        return outputs


def resized(x: Float[Tensor, "b ch h w"], side: int) -> Float[Tensor, "b ch side side"]:
    """Images of another size: averaged down, or interpolated up; those that are not square are squeezed."""
    if x.shape[-2] != x.shape[-1]:
        return F.interpolate(x, (side, side), mode="area")
    if x.shape[-1] == side:
        return x
    if x.shape[-1] % side == 0:
        return F.avg_pool2d(x, x.shape[-1] // side)
    return F.interpolate(x, (side, side), mode="bilinear", align_corners=False, antialias=x.shape[-1] > side)
