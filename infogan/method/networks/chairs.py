"""Table 6: the networks for chairs, 64x64, gray (App. C.5)."""

from torch import nn

from infogan.method.latent import Latent
from infogan.method.networks.blocks import DiscriminatorQ, Generator, Networks, conv, fc, upconv


def make_chairs(latent: Latent, negative_slope: float) -> Networks:
    """Table 6. A stride that it does not name is 1, except in the last upconv, which must reach 64 with 2."""
    relu, lrelu = nn.ReLU(), nn.LeakyReLU(negative_slope)
    G = nn.Sequential(
        *fc(latent.width, 1024, relu),
        *fc(1024, 8 * 8 * 256, relu),
        nn.Unflatten(1, (256, 8, 8)),
        *upconv(256, 256, relu, stride=1),
        *upconv(256, 256, relu, stride=1),
        *upconv(256, 128, relu),
        *upconv(128, 64, relu),
        *upconv(64, 1, nn.Sigmoid(), batch_norm=False),
    )
    trunk = nn.Sequential(
        *conv(1, 64, lrelu, batch_norm=False),
        *conv(64, 128, lrelu),
        *conv(128, 256, lrelu),
        *conv(256, 256, lrelu, stride=1),
        *conv(256, 256, lrelu, stride=1),
        nn.Flatten(),
        *fc(8 * 8 * 256, 1024, lrelu),
    )
    return Networks(
        Generator(latent, G, (1, 64, 64)),
        DiscriminatorQ(latent, trunk, nn.Linear(1024, 1), nn.Linear(1024, latent.n_params)),
    )
