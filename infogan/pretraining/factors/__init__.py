"""The stage that finds numbers for what varies in real images, by autoencoding them."""

from infogan.pretraining.factors.factors import Factors

__all__ = ["Factors"]
