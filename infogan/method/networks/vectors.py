"""Ours, for vectors: rows of standardised numbers."""

from torch import nn

from infogan.config import Shape
from infogan.method.latent import Latent
from infogan.method.networks.blocks import DiscriminatorQ, Generator, Networks, fc

WIDTH = 256


def make_vectors(latent: Latent, negative_slope: float, shape: Shape) -> Networks:
    """(1, 1, width): two hidden layers each."""
    relu, lrelu = nn.ReLU(), nn.LeakyReLU(negative_slope)
    width = shape[0] * shape[1] * shape[2]
    G = nn.Sequential(
        *fc(latent.width, WIDTH, relu),
        *fc(WIDTH, WIDTH, relu),
        nn.Linear(WIDTH, width),
        nn.Unflatten(1, shape),
    )
    trunk = nn.Sequential(nn.Flatten(), nn.Linear(width, WIDTH), lrelu, *fc(WIDTH, WIDTH, lrelu))
    q_head = nn.Sequential(*fc(WIDTH, WIDTH // 2, lrelu), nn.Linear(WIDTH // 2, latent.n_params))
    return Networks(
        Generator(latent, G, shape, low=None), DiscriminatorQ(latent, trunk, nn.Linear(WIDTH, 1), q_head)
    )
