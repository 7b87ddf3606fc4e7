"""Tables 2 and 3: the networks for SVHN and for CelebA, 32x32, colour (App. C.2, C.3); they are the same."""

from torch import nn

from infogan.method.latent import Latent
from infogan.method.networks.blocks import DiscriminatorQ, Generator, Networks, conv, fc, upconv


def make_svhn(latent: Latent, negative_slope: float) -> Networks:
    """Tables 2 and 3, exactly: G has batch norm only in its first two layers, D no fully connected layer."""
    relu, lrelu = nn.ReLU(), nn.LeakyReLU(negative_slope)
    G = nn.Sequential(
        *fc(latent.width, 2 * 2 * 448, relu),
        nn.Unflatten(1, (448, 2, 2)),
        *upconv(448, 256, relu),
        *upconv(256, 128, relu, batch_norm=False),
        *upconv(128, 64, relu, batch_norm=False),
        *upconv(64, 3, nn.Tanh(), batch_norm=False),
    )
    trunk = nn.Sequential(
        *conv(3, 64, lrelu, batch_norm=False),
        *conv(64, 128, lrelu),
        *conv(128, 256, lrelu),
        nn.Flatten(),
    )
    n_features = 4 * 4 * 256
    q_head = nn.Sequential(*fc(n_features, 128, lrelu), nn.Linear(128, latent.n_params))
    return Networks(
        Generator(latent, G, (3, 32, 32), low=-1),
        DiscriminatorQ(latent, trunk, nn.Linear(n_features, 1), q_head),
    )
