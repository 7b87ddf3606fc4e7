"""The layers that the tables of App. C share, and the two networks made of them.

In the words of the tables: conv, upconv and FC, each followed by batch norm if the table says so, then by its
nonlinearity, in the order of the original code.
"""

from copy import deepcopy
from typing import Literal, NamedTuple, final

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from infogan.method.latent import Latent


class DiscriminatorOutput(NamedTuple):
    """The outputs of D and Q for a batch."""

    head: Float[Tensor, "b"] | Float[Tensor, "b _"]  # of D; in a VAE of the encoder of z, (b, 2 n_z)
    q: tuple[Float[Tensor, "b _"], ...]

    @property
    def logit(self) -> Float[Tensor, "b"]:
        """D(x) = sigmoid(logit)."""
        return self.head


@final
class Generator(nn.Module):
    """G(z, c): images of a fixed shape, in [0, 1] or [-1, 1] depending on the last layer, or vectors.

    Vectors are images of one row, (1, 1, width), of numbers of any size.
    """

    def __init__(
        self,
        latent: Latent,
        layers: nn.Sequential,
        shape: tuple[int, int, int],
        low: Literal[0, -1] | None = 0,
    ) -> None:
        """
        Args:
            shape: channels, height, width.
            low: the lower end of the range: 0 after a sigmoid, -1 after a tanh, None for vectors.
        """
        super().__init__()
        self.latent = latent
        self.layers = layers
        self.shape = shape
        self.low = low

    def forward(self, z: Float[Tensor, "b n_z"], c: list[Float[Tensor, "b _"]]) -> Float[Tensor, "b ch h w"]:
        x: Tensor = self.layers(self.latent.pack(z, c))
        return x

    def to_range(self, x: UInt8[Tensor, "b ch h w"] | Float[Tensor, "b ch h w"]) -> Float[Tensor, "b ch h w"]:
        """Images from 0 .. 255 to this G's range, which is what D sees; vectors unchanged."""
        if self.low is None:
            return x.float()
        return x.float() / 255 * (1 - self.low) + self.low

    def to_bytes(self, x: Float[Tensor, "b ch h w"]) -> UInt8[Tensor, "b ch h w"] | Float[Tensor, "b ch h w"]:
        """Images from this G's range to 0 .. 255; vectors unchanged."""
        if self.low is None:
            return x.float()
        return ((x.float() - self.low) * (255 / (1 - self.low))).round().byte()


@final
class DiscriminatorQ(nn.Module):
    """D and Q: one trunk, two heads (App. C); or a trunk for each, if `separate_trunks` was called."""

    def __init__(self, latent: Latent, trunk: nn.Sequential, d_head: nn.Module, q_head: nn.Module) -> None:
        super().__init__()
        self.latent = latent
        self.trunk = trunk
        self.d_head = d_head
        self.q_head = q_head
        self.own_q_trunk: nn.Sequential | None = None

    def separate_trunks(self) -> None:
        """Gives Q a trunk of its own, like D's, with which D does not interfere."""
        self.own_q_trunk = deepcopy(self.trunk)

    def encode_z(self) -> None:
        """Makes D the encoder of a VAE: its head then outputs mean and log deviation of q(z|x)."""
        assert isinstance(self.d_head, nn.Linear)
        self.d_head = nn.Linear(self.d_head.in_features, 2 * self.latent.n_z)

    @property
    def encodes_z(self) -> bool:
        """Whether `encode_z` was called."""
        return isinstance(self.d_head, nn.Linear) and self.d_head.out_features > 1

    @property
    def q_trunk(self) -> nn.Sequential:
        """The trunk that Q's head reads: D's, or its own."""
        return self.trunk if self.own_q_trunk is None else self.own_q_trunk

    def forward(self, x: Float[Tensor, "b ch h w"], *, info_to_trunk: bool = True) -> DiscriminatorOutput:
        """With `info_to_trunk=False` no gradient of Q's head reaches its trunk."""
        features = self.trunk(x)
        q_features = features if self.own_q_trunk is None else self.own_q_trunk(x)
        q = self.q_head(q_features if info_to_trunk else q_features.detach())
        head = self.d_head(features)
        return DiscriminatorOutput(head if self.encodes_z else head[:, 0], self.latent.split_q(q))

    def features(self, x: Float[Tensor, "b ch h w"]) -> Float[Tensor, "b width"]:
        """The input of the last layer of Q's head."""
        before_last = nn.Sequential(*list(self.q_head.children())[:-1])
        penultimate: Tensor = before_last(self.q_trunk(x))
        return penultimate


@final
class Networks(NamedTuple):
    """The networks that each file of this folder builds."""

    G: Generator
    D: DiscriminatorQ


def conv(
    n_in: int, n_out: int, activation: nn.Module, *, stride: int = 2, batch_norm: bool = True
) -> list[nn.Module]:
    """A 4x4 convolution to 1 / stride of the height and width, padded as TensorFlow's SAME.

    There is no bias before batch norm, which would subtract it.
    """
    pad = [nn.ZeroPad2d((1, 2, 1, 2))] if stride == 1 else []
    layer = nn.Conv2d(n_in, n_out, 4, stride, padding=0 if pad else 1, bias=not batch_norm)
    return [*pad, layer, *([nn.BatchNorm2d(n_out)] if batch_norm else []), activation]


def upconv(
    n_in: int, n_out: int, activation: nn.Module, *, stride: int = 2, batch_norm: bool = True
) -> list[nn.Module]:
    """A 4x4 transposed convolution to `stride` times the height and width, cropped as TensorFlow's SAME."""
    layer = nn.ConvTranspose2d(n_in, n_out, 4, stride, padding=1, bias=not batch_norm)
    cut = [nn.ZeroPad2d((0, -1, 0, -1))] if stride == 1 else []
    return [layer, *cut, *([nn.BatchNorm2d(n_out)] if batch_norm else []), activation]


def fc(n_in: int, n_out: int, activation: nn.Module) -> list[nn.Module]:
    """A fully connected layer with batch norm."""
    return [nn.Linear(n_in, n_out, bias=False), nn.BatchNorm1d(n_out), activation]


def init_weights(net: nn.Module, rng: torch.Generator) -> None:
    """As in the original code: weights N(0, 0.02), cut at two deviations if a conv; scales N(1, 0.02)."""
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.trunc_normal_(layer.weight, 0, 0.02, -0.04, 0.04, generator=rng)
        elif isinstance(layer, nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(layer.weight, 0, 0.02, generator=rng)
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1, 0.02, generator=rng)
        bias = getattr(layer, "bias", None)
        if isinstance(bias, Tensor):
            nn.init.zeros_(bias)
