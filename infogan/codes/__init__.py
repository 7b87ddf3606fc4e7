"""The five kinds of latent code."""

from infogan.codes.code import Code, Decoded, Kind
from infogan.codes.continuous import STD_FLOOR, Circular, Gaussian, Uniform
from infogan.codes.discrete import Bernoulli, Categorical

__all__ = [
    "STD_FLOOR",
    "Bernoulli",
    "Categorical",
    "Circular",
    "Code",
    "Decoded",
    "Gaussian",
    "Kind",
    "Uniform",
]
