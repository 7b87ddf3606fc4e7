"""The networks of the paper's tables, by the name that a config gives them."""

from collections.abc import Callable

from infogan.latent import Latent
from infogan.nets.blocks import DiscriminatorQ, Generator, Networks, init_weights
from infogan.nets.mnist import make_digits, make_mnist, make_mnist_small

__all__ = ["NETS", "DiscriminatorQ", "Generator", "Networks", "init_weights"]

NETS: dict[str, Callable[[Latent, float], Networks]] = {
    "mnist": make_mnist,
    "mnist-small": make_mnist_small,
    "digits": make_digits,
}
