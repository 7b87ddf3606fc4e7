"""Ours, for sprites, 64x64, gray: four convolutions down to 4x4, usual for dSprites, with fewer channels."""

from torch import nn

from infogan.method.latent import Latent
from infogan.method.networks.blocks import DiscriminatorQ, Generator, Networks, conv, fc, upconv


def make_sprites(latent: Latent, negative_slope: float) -> Networks:
    """64x64, gray, at half the work of Table 1."""
    relu, lrelu = nn.ReLU(), nn.LeakyReLU(negative_slope)
    G = nn.Sequential(
        *fc(latent.width, 256, relu),
        *fc(256, 4 * 4 * 64, relu),
        nn.Unflatten(1, (64, 4, 4)),
        *upconv(64, 64, relu),
        *upconv(64, 32, relu),
        *upconv(32, 32, relu),
        *upconv(32, 1, nn.Sigmoid(), batch_norm=False),
    )
    trunk = nn.Sequential(
        *conv(1, 32, lrelu, batch_norm=False),
        *conv(32, 32, lrelu),
        *conv(32, 64, lrelu),
        *conv(64, 64, lrelu),
        nn.Flatten(),
        *fc(4 * 4 * 64, 256, lrelu),
    )
    q_head = nn.Sequential(*fc(256, 128, lrelu), nn.Linear(128, latent.n_params))
    return Networks(
        Generator(latent, G, (1, 64, 64)),
        DiscriminatorQ(latent, trunk, nn.Linear(256, 1), q_head),
    )
