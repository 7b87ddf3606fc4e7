"""The stage that reads off real images what known transforms change: place, size, shear, angle, brightness."""

from infogan.pretraining.equivariance.equivariance import Equivariance

__all__ = ["Equivariance"]
