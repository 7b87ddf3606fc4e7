"""Table 1: the networks for MNIST, 28x28, gray (App. C.1); and smaller ones of ours."""

from torch import nn

from infogan.method.latent import Latent
from infogan.method.networks.blocks import DiscriminatorQ, Generator, Networks, conv, fc, upconv


def make_mnist(latent: Latent, negative_slope: float) -> Networks:
    """Table 1, exactly."""
    return _table_1(latent, negative_slope, side=7, channels=(64, 128), width=1024, q_width=128)


def make_mnist_small(latent: Latent, negative_slope: float) -> Networks:
    """28x28, gray, for a laptop: about a fifteenth of Table 1's work."""
    return _table_1(latent, negative_slope, side=7, channels=(16, 32), width=256, q_width=64)


def make_digits(latent: Latent, negative_slope: float) -> Networks:
    """8x8, gray."""
    return _table_1(latent, negative_slope, side=2, channels=(32, 64), width=256, q_width=64)


def _table_1(
    latent: Latent, negative_slope: float, side: int, channels: tuple[int, int], width: int, q_width: int
) -> Networks:
    """Two convolutions down to `side`, two upconvolutions up from it.

    The table's last upconv has neither stride nor nonlinearity. Here it has stride 2, without which the image
    would not have 28 pixels a side, and a sigmoid, which gives gray levels in [0, 1].
    """
    relu, lrelu = nn.ReLU(), nn.LeakyReLU(negative_slope)
    outer, inner = channels
    G = nn.Sequential(
        *fc(latent.width, width, relu),
        *fc(width, side * side * inner, relu),
        nn.Unflatten(1, (inner, side, side)),
        *upconv(inner, outer, relu),
        *upconv(outer, 1, nn.Sigmoid(), batch_norm=False),
    )
    trunk = nn.Sequential(
        *conv(1, outer, lrelu, batch_norm=False),
        *conv(outer, inner, lrelu),
        nn.Flatten(),
        *fc(side * side * inner, width, lrelu),
    )
    q_head = nn.Sequential(*fc(width, q_width, lrelu), nn.Linear(q_width, latent.n_params))
    return Networks(
        Generator(latent, G, (1, 4 * side, 4 * side)),
        DiscriminatorQ(latent, trunk, nn.Linear(width, 1), q_head),
    )
