"""The discrete codes: Categorical and Bernoulli (Secs. 4-6).

c = a code as G takes it, (b, width); q = Q's raw output for it, (b, n_params); see code.py.
"""

import math
from dataclasses import dataclass
from itertools import accumulate
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from infogan.method.codes.code import Code, Decoded, Kind

MIN_SHARE = 1e-6  # of a category in KL, as a share of 0 would make it infinite


@final
@dataclass(frozen=True)
class Categorical(Code):
    """One of k categories, one-hot; Q is a softmax (Sec. 6).

    Equally likely, as in the paper, or with the probabilities `p`, learned from real images.
    """

    k: int
    p: tuple[float, ...] | None = None

    @property
    def width(self) -> int:
        return self.k

    @property
    def n_params(self) -> int:
        return self.k

    @property
    def kind(self) -> Kind:
        return "category"

    @property
    def categories(self) -> int:
        return self.k

    def sample_value(self, n: int, rng: torch.Generator) -> Float[Tensor, "{n}"]:
        if self.p is None:
            return torch.randint(self.k, (n,), generator=rng, device=rng.device).float()
        u = torch.rand(n, generator=rng, device=rng.device)
        # By comparisons, as a CUDA graph cannot copy a table from the host.
        values = [(u >= end).float() for end in accumulate(self.p[:-1])]
        return torch.stack(values).sum(dim=0)

    def embed(self, value: Float[Tensor, "b"]) -> Float[Tensor, "b width"]:
        return F.one_hot(value.long(), self.k).to(value.dtype)

    def log_prob(self, c: Float[Tensor, "b width"]) -> Float[Tensor, "b"]:
        if self.p is None:
            return c.new_full((len(c),), -math.log(self.k))
        return (c @ c.new_tensor(self.p)).log()

    def entropy(self) -> float:
        """H(c) = log k if all are equally likely: 2.303 nats for 10 categories (Sec. 7.1)."""
        return math.log(self.k) if self.p is None else -sum(p * math.log(p) for p in self.p if p)

    def log_q(self, c: Float[Tensor, "b width"], q: Float[Tensor, "b params"]) -> Float[Tensor, "b"]:
        return (c * q.log_softmax(dim=1)).sum(dim=1)

    @property
    def n_uniforms(self) -> int:
        return self.k

    def draw(self, q: Float[Tensor, "b params"], u: Float[Tensor, "n b"]) -> Float[Tensor, "b width"]:
        """The largest of the logits plus Gumbel noise, one-hot; its gradient is that of their softmax.

        This is the straight-through estimator of Jang, Gu and Poole 2017; its gradient is biased.
        """
        p = (q.log_softmax(dim=1) - (-_inside(u.T).log()).log()).softmax(dim=1)
        return F.one_hot(p.argmax(dim=1), self.k) + p - p.detach()

    def kl(self, q: Float[Tensor, "b params"]) -> Float[Tensor, "b"]:
        log_q = q.log_softmax(dim=1)
        if self.p is None:
            return (log_q.exp() * log_q).sum(dim=1) + math.log(self.k)
        log_p = torch.stack([q.new_full((), math.log(max(p, MIN_SHARE))) for p in self.p])
        return (log_q.exp() * (log_q - log_p)).sum(dim=1)

    def log_categories(self, q: Float[Tensor, "b params"]) -> Float[Tensor, "b k"]:
        return q.log_softmax(dim=1)

    def decode(self, q: Float[Tensor, "b params"]) -> Decoded:
        p, value = q.softmax(dim=1).max(dim=1)
        return Decoded(value.to(q.dtype), 1 - p)

    def sweep(self, steps: int, low: float, high: float) -> Float[Tensor, "m"]:
        return torch.arange(self.k, dtype=torch.float32)


@final
@dataclass(frozen=True)
class Bernoulli(Code):
    """A coin c in {0, 1}, both equally likely; Q is a sigmoid."""

    @property
    def width(self) -> int:
        return 1

    @property
    def n_params(self) -> int:
        return 1

    @property
    def kind(self) -> Kind:
        return "category"

    @property
    def categories(self) -> int:
        return 2

    def sample_value(self, n: int, rng: torch.Generator) -> Float[Tensor, "{n}"]:
        return torch.randint(2, (n,), generator=rng, device=rng.device).float()

    def embed(self, value: Float[Tensor, "b"]) -> Float[Tensor, "b width"]:
        return value[:, None]

    def log_prob(self, c: Float[Tensor, "b width"]) -> Float[Tensor, "b"]:
        return c.new_full((len(c),), -math.log(2))

    def entropy(self) -> float:
        """H(c) = log 2."""
        return math.log(2)

    def log_q(self, c: Float[Tensor, "b width"], q: Float[Tensor, "b params"]) -> Float[Tensor, "b"]:
        return -F.binary_cross_entropy_with_logits(q[:, 0], c[:, 0], reduction="none")

    def draw(self, q: Float[Tensor, "b params"], u: Float[Tensor, "n b"]) -> Float[Tensor, "b width"]:
        """1 if the logit plus logistic noise is positive; its gradient is that of their sigmoid."""
        p = torch.sigmoid(q + torch.logit(_inside(u.T)))
        return (p > 0.5).to(p.dtype) + p - p.detach()

    def kl(self, q: Float[Tensor, "b params"]) -> Float[Tensor, "b"]:
        log_q = self.log_categories(q)
        return (log_q.exp() * log_q).sum(dim=1) + math.log(2)

    def log_categories(self, q: Float[Tensor, "b params"]) -> Float[Tensor, "b 2"]:
        return F.logsigmoid(torch.cat([-q, q], dim=1))

    def decode(self, q: Float[Tensor, "b params"]) -> Decoded:
        return Decoded((q[:, 0] > 0).to(q.dtype), torch.sigmoid(-q[:, 0].abs()))

    def sweep(self, steps: int, low: float, high: float) -> Float[Tensor, "m"]:
        return torch.tensor([0.0, 1.0], dtype=torch.float32)


def _inside(u: Tensor) -> Tensor:
    """Draws from Unif(0, 1) without 0 and 1, whose logarithms are infinite."""
    eps: float = torch.finfo(u.dtype).eps
    return u.clamp(eps, 1 - eps)
