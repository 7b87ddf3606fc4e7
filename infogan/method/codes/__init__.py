"""The latent codes: categorical, Bernoulli, uniform, Gaussian and circular."""

from infogan.method.codes.code import Code, Decoded, Kind
from infogan.method.codes.continuous import MIN_STD, Circular, Gaussian, Uniform
from infogan.method.codes.discrete import Bernoulli, Categorical

__all__ = [
    "MIN_STD",
    "Bernoulli",
    "Categorical",
    "Circular",
    "Code",
    "Decoded",
    "Gaussian",
    "Kind",
    "Uniform",
]
