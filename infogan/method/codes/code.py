"""The interface of a latent code c_i: its prior P(c), its entropy H(c), its posterior Q(c|x).

b = batch; c = a code as G takes it, (b, width); q = Q's raw output for that code, (b, n_params);
value = a code as people read it, (b,): a category's index, a number, an angle in radians.
"""

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

    @abstractmethod
    def log_categories(self, q: Float[Tensor, "b params"]) -> Float[Tensor, "b k"] | None:
        """log Q(c|x) of every value of a discrete code, in nats; None for a continuous one."""

    @abstractmethod
    def decode(self, q: Float[Tensor, "b params"]) -> Decoded:
        """The most likely value under Q, and its spread."""

    @abstractmethod
    def sweep(self, steps: int, low: float, high: float) -> Float[Tensor, "m"]:
        """The values of a traversal: all of a discrete code, or `steps` from low to high."""
