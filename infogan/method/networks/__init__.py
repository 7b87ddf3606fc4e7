"""G and D with Q, one file per architecture: the tables of App. C, and ours."""

from collections.abc import Callable

from infogan.config import Config, Shape
from infogan.method.latent import Latent
from infogan.method.networks.blocks import DiscriminatorQ, Generator, Networks, init_weights
from infogan.method.networks.chairs import make_chairs
from infogan.method.networks.faces import make_faces
from infogan.method.networks.mnist import make_digits, make_mnist, make_mnist_small
from infogan.method.networks.small import make_small
from infogan.method.networks.sprites import make_sprites
from infogan.method.networks.svhn import make_svhn
from infogan.method.networks.vectors import make_vectors

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
    """G, D and Q of a config, before `init_weights`."""
    settings = config.networks
    if settings.architecture in OF_ANY_SHAPE:
        make = OF_ANY_SHAPE[settings.architecture]
        networks = make(latent, settings.negative_slope, settings.image_shape)
    else:
        networks = NETS[settings.architecture](latent, settings.negative_slope)
    if config.terms.method == "vae":
        networks.D.encode_z()
    if settings.q_trunk == "own":
        networks.D.separate_trunks()
    return networks
