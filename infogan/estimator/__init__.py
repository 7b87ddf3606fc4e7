"""InfoGAN as a scikit-learn estimator."""

from infogan.estimator.estimator import InfoGAN

__all__ = ["InfoGAN"]
