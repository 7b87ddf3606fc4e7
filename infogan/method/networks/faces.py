"""Table 4: the networks for faces, 32x32, gray (App. C.4)."""

from torch import nn

from infogan.method.latent import Latent
from infogan.method.networks.blocks import DiscriminatorQ, Generator, Networks, conv, fc, upconv


def make_faces(latent: Latent, negative_slope: float) -> Networks:
    """Table 4. Its last upconv names no stride; it must be 2 to reach 32. D and Q share all but one layer."""
    relu, lrelu = nn.ReLU(), nn.LeakyReLU(negative_slope)
    G = nn.Sequential(
        *fc(latent.width, 1024, relu),
        *fc(1024, 8 * 8 * 128, relu),
        nn.Unflatten(1, (128, 8, 8)),
        *upconv(128, 64, relu),
        *upconv(64, 1, nn.Sigmoid(), batch_norm=False),
    )
    trunk = nn.Sequential(
        *conv(1, 64, lrelu, batch_norm=False),
        *conv(64, 128, lrelu),
        nn.Flatten(),
        *fc(8 * 8 * 128, 1024, lrelu),
    )
    return Networks(
        Generator(latent, G, (1, 32, 32)),
        DiscriminatorQ(latent, trunk, nn.Linear(1024, 1), nn.Linear(1024, latent.n_params)),
    )
