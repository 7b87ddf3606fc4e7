"""The stage that learns to read off real images what known transforms change, such as place and angle."""

from infogan.pretraining.equivariance.equivariance import Equivariance, check_knobs

__all__ = ["Equivariance", "check_knobs"]
