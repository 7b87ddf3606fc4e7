"""The five kinds of latent code."""

from infogan.method.codes.code import Code, Decoded, Kind
from infogan.method.codes.continuous import STD_FLOOR, Circular, Gaussian, Uniform
from infogan.method.codes.discrete import Bernoulli, Categorical

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
