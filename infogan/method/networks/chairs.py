"""Table 6: the networks for chairs, 64x64, gray (App. C.5)."""

from torch import nn

from infogan.method.latent import Latent
from infogan.method.networks.blocks import DiscriminatorQ, Generator, Networks, conv, fc, upconv


def make_chairs(latent: Latent, leak: float) -> Networks:
    """Table 6. Where it names no stride it is 1, but 2 in the last upconv, which has to reach 64."""
    relu, lrelu = nn.ReLU(), nn.LeakyReLU(leak)
    G = nn.Sequential(
        *fc(latent.size, 1024, relu),
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
