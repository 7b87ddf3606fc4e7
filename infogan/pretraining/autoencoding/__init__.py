"""The stage that finds numbers for what varies in real images, by autoencoding them."""

from infogan.pretraining.autoencoding.autoencoding import Autoencoding

__all__ = ["Autoencoding"]
