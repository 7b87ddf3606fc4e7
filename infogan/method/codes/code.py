"""The interface of a latent code c_i: its prior P(c), its entropy H(c), its posterior Q(c|x).

b = batch; c = a code as G takes it, (b, width); q = Q's raw output for that code, (b, n_params);
value = a code as people read it, (b,): a category's index, a number, an angle in radians.
"""

import math
from abc import ABC, abstractmethod
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

Kind = Literal["category", "number", "angle"]  # of a code's values, and of known factors


class Decoded(NamedTuple):
    """The most likely value of a code under Q, and its uncertainty."""

    value: Float[Tensor, "b"]
    spread: Float[Tensor, "b"]  # a standard deviation; of a category, the probability of all other categories


class Code(ABC):
    """One latent code: independent of the others (Sec. 4), with a prior that G does not change."""

    @property
    @abstractmethod
    def width(self) -> int:
        """How many inputs of G this code takes."""

    @property
    @abstractmethod
    def n_params(self) -> int:
        """How many outputs Q has for this code."""

    @property
    @abstractmethod
    def kind(self) -> Kind:
        """Whether values are categories 0, 1, ..., numbers, or angles in radians."""

    @property
    @abstractmethod
    def categories(self) -> int | None:
        """The number of values of a discrete code, None for a continuous one."""

    @abstractmethod
    def sample_value(self, n: int, rng: torch.Generator) -> Float[Tensor, "{n}"]:
        """Values drawn from P(c)."""

    @abstractmethod
    def embed(self, value: Float[Tensor, "b"]) -> Float[Tensor, "b width"]:
        """The code as G takes it, from its values; the inverse of `decode`."""

    def sample(self, n: int, rng: torch.Generator) -> Float[Tensor, "{n} width"]:
        """Draws c ~ P(c), as G takes it."""
        return self.embed(self.sample_value(n, rng))

    @abstractmethod
    def log_prob(self, c: Float[Tensor, "b width"]) -> Float[Tensor, "b"]:
        """log P(c), in nats; a density if c is continuous."""

    @abstractmethod
    def entropy(self) -> float:
        """H(c) in nats; constant, as P(c) is fixed (Sec. 5). Differential if c is continuous."""

    @abstractmethod
    def log_q(self, c: Float[Tensor, "b width"], q: Float[Tensor, "b params"]) -> Float[Tensor, "b"]:
        """log Q(c|x), in nats, where q is Q's output at x."""

    @property
    def n_uniforms(self) -> int:
        """How many uniform draws `draw` takes for each image."""
        return 1

    @abstractmethod
    def draw(self, q: Float[Tensor, "b params"], u: Float[Tensor, "n b"]) -> Float[Tensor, "b width"]:
        """c ~ Q(c|x), as G takes it, with a gradient to q: what a VAE gives its decoder.

        Args:
            u: `n_uniforms` draws from Unif(0, 1) for each image.
        """

    @abstractmethod
    def kl(self, q: Float[Tensor, "b params"]) -> Float[Tensor, "b"]:
        """KL(Q(c|x) || P(c)) in nats, of the Q that `draw` draws from."""

    @abstractmethod
    def log_categories(self, q: Float[Tensor, "b params"]) -> Float[Tensor, "b k"] | None:
        """log Q(c|x) of every value of a discrete code, in nats; None for a continuous one."""

    @abstractmethod
    def decode(self, q: Float[Tensor, "b params"]) -> Decoded:
        """The most likely value under Q, and its spread."""

    @abstractmethod
    def sweep(self, steps: int, low: float, high: float) -> Float[Tensor, "m"]:
        """The values of a traversal: all of a discrete code, or `steps` from low to high."""


def standard_normal(u: Float[Tensor, "*n b"]) -> Float[Tensor, "*n b"]:
    """Draws of N(0, 1), from draws of Unif(0, 1)."""
    eps: float = torch.finfo(u.dtype).eps
    normal: Tensor = math.sqrt(2) * torch.erfinv((2 * u - 1).clamp(eps - 1, 1 - eps))
    return normal


def gaussian_kl(mean: Float[Tensor, "*b"], std: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
    """KL(N(mean, std) || N(0, 1)) in nats."""
    return 0.5 * (mean.square() + std.square() - 1) - std.log()
