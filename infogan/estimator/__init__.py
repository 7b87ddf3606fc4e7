"""The scikit-learn face of InfoGAN."""

from infogan.estimator.estimator import InfoGAN

__all__ = ["InfoGAN"]
