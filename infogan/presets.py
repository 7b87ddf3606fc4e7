"""The experiments, a function each: `infogan train NAME` starts from what it returns."""

from collections.abc import Callable
from dataclasses import replace

from infogan.config import Config
from infogan.errors import InfoganError, did_you_mean


def mnist() -> Config:
    """MNIST as the paper's text has it: Table 1, leak 0.1, a learned deviation, log(1 - D) (App. C.1)."""
    return Config(images="mnist", net="mnist", saturating=True)


def mnist_code() -> Config:
    """MNIST as the original code runs it: leak 0.01, Q's deviation fixed at 1, -log D, 5,000 updates."""
    return Config(images="mnist", net="mnist", leak=0.01, fixed_std=1.0)


def mnist_gan() -> Config:
    """The baseline of Fig. 1: mnist-code as a regular GAN, whose Q learns but whose G is not told."""
    return replace(mnist_code(), inform_g=False)


def mnist_small() -> Config:
    """MNIST on a laptop: a network of a fifteenth of Table 1's work, otherwise mnist-code."""
    return replace(mnist_code(), net="mnist-small", fresh_fake=False)


def digits() -> Config:
    """1,797 real digits of 8x8 pixels that come with scikit-learn: all of it in about a minute."""
    return Config(
        images="digits",
        net="digits",
        codes="cat:10 unif:2 noise:8",
        fixed_std=1.0,
        fresh_fake=False,
        updates=4000,
        batch=64,
        lr_d=1e-4,  # D knows 1,437 images by heart soon enough, and G learns nothing after that
    )


PRESETS: dict[str, Callable[[], Config]] = {
    "digits": digits,
    "mnist": mnist,
    "mnist-code": mnist_code,
    "mnist-gan": mnist_gan,
    "mnist-small": mnist_small,
}


def get_preset(name: str) -> Config:
    """The config of that name.

    Raises:
        InfoganError: where there is none.
    """
    if name not in PRESETS:
        raise InfoganError(f"unknown preset {name!r}; " + did_you_mean(name, PRESETS))
    return PRESETS[name]()
