"""The networks of the paper's tables, by the name that a config gives them."""

from collections.abc import Callable

from infogan.config import Config, Shape
from infogan.latent import Latent
from infogan.nets.blocks import DiscriminatorQ, Generator, Networks, init_weights
from infogan.nets.chairs import make_chairs
from infogan.nets.faces import make_faces
from infogan.nets.mnist import make_digits, make_mnist, make_mnist_small
from infogan.nets.small import make_small
from infogan.nets.sprites import make_sprites
from infogan.nets.svhn import make_svhn
from infogan.nets.vectors import make_vectors

__all__ = ["NETS", "DiscriminatorQ", "Generator", "Networks", "init_weights", "make_networks"]

NETS: dict[str, Callable[[Latent, float], Networks]] = {
    "mnist": make_mnist,
    "mnist-small": make_mnist_small,
    "digits": make_digits,
    "svhn": make_svhn,
    "faces": make_faces,
    "chairs": make_chairs,
    "sprites": make_sprites,
}
OF_ANY_SHAPE: dict[str, Callable[[Latent, float, Shape], Networks]] = {
    "small": make_small,
    "vectors": make_vectors,
}


def make_networks(config: Config, latent: Latent) -> Networks:
    """G, D and Q of a config; their weights are still to be drawn."""
    if config.net in OF_ANY_SHAPE:
        return OF_ANY_SHAPE[config.net](latent, config.leak, config.net_shape)
    return NETS[config.net](latent, config.leak)
