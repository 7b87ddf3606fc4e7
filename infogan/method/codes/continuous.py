"""The continuous codes: Uniform, Gaussian, Circular (Secs. 4-6).

c = a code as G takes it, (b, width); q = Q's raw output for it, (b, n_params); see code.py.
"""

import math
from abc import ABC
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from infogan.method.codes.code import Code, Decoded, Kind, gaussian_kl, standard_normal

MIN_STD = 0.02  # without a minimum, L_I of a continuous code would grow without bound as Q gets more certain


class Real(Code, ABC):
    """A code on the real line, recovered by a Gaussian: Q(c|x) = N(mean, std) (Sec. 6, App. C).

    q is (mean, log_std), and std = exp(log_std) + min_std. With `fixed_std` std is that number, and log_std
    is not used; the original code fixes std at 1 on MNIST.
    """

    min_std: float
    fixed_std: float | None

    @property
    def width(self) -> int:
        return 1

    @property
    def n_params(self) -> int:
        return 2

    @property
    def kind(self) -> Kind:
        return "number"

    @property
    def categories(self) -> None:
        return None

    def embed(self, value: Float[Tensor, "b"]) -> Float[Tensor, "b width"]:
        return value[:, None]

    def log_q(self, c: Float[Tensor, "b width"], q: Float[Tensor, "b params"]) -> Float[Tensor, "b"]:
        mean, std = self.decode(q)
        return -0.5 * ((c[:, 0] - mean) / std) ** 2 - std.log() - 0.5 * math.log(2 * math.pi)

    def log_categories(self, q: Float[Tensor, "b params"]) -> None:
        return None

    def decode(self, q: Float[Tensor, "b params"]) -> Decoded:
        mean, log_std = q.unbind(dim=1)
        if self.fixed_std is not None:
            return Decoded(mean, torch.full_like(mean, self.fixed_std))
        return Decoded(mean, log_std.exp() + self.min_std)

    def sweep(self, steps: int, low: float, high: float) -> Float[Tensor, "m"]:
        return torch.linspace(low, high, steps, dtype=torch.float32)


@final
@dataclass(frozen=True)
class Uniform(Real):
    """A continuous code c ~ Unif(-1, 1)."""

    min_std: float = MIN_STD
    fixed_std: float | None = None

    def sample_value(self, n: int, rng: torch.Generator) -> Float[Tensor, "{n}"]:
        return 2 * torch.rand(n, generator=rng, device=rng.device, dtype=torch.float32) - 1

    def log_prob(self, c: Float[Tensor, "b width"]) -> Float[Tensor, "b"]:
        inside = c[:, 0].abs() <= 1
        return torch.where(inside, -math.log(2), -math.inf).to(c.dtype)

    def entropy(self) -> float:
        """H(c) = log 2; differential."""
        return math.log(2)

    def draw(self, q: Float[Tensor, "b params"], u: Float[Tensor, "n b"]) -> Float[Tensor, "b width"]:
        """From Q cut off at -1 and 1, where P(c) ends, by its inverse distribution function."""
        mean, std, low, high = self._cut_off(q)
        eps: float = torch.finfo(q.dtype).eps
        level = (low.erf() + u[0] * (high.erf() - low.erf())).clamp(eps - 1, 1 - eps)
        return (mean + math.sqrt(2) * std * level.erfinv()).clamp(-1, 1)[:, None]

    def kl(self, q: Float[Tensor, "b params"]) -> Float[Tensor, "b"]:
        """log 2 - H(Q), with the entropy of a Gaussian that is cut off at -1 and 1."""
        _, std, low, high = self._cut_off(q)
        Z = (high.erf() - low.erf()) / 2
        cut = (low * (-low.square()).exp() - high * (-high.square()).exp()) / (2 * math.sqrt(math.pi) * Z)
        return math.log(2) - 0.5 * math.log(2 * math.pi * math.e) - (std * Z).log() - cut

    def _cut_off(self, q: Float[Tensor, "b params"]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Mean and deviation, and (-1 - mean) and (1 - mean) over sqrt(2) deviations.

        The mean is moved into [-1, 1], so that the two ends are on both sides of it: a difference of their
        error functions loses no digits then.
        """
        mean, std = self.decode(q)
        mean = mean.clamp(-1, 1)
        return mean, std, (-1 - mean) / (math.sqrt(2) * std), (1 - mean) / (math.sqrt(2) * std)


@final
@dataclass(frozen=True)
class Gaussian(Real):
    """A continuous code c ~ N(0, 1)."""

    min_std: float = MIN_STD
    fixed_std: float | None = None

    def sample_value(self, n: int, rng: torch.Generator) -> Float[Tensor, "{n}"]:
        return torch.randn(n, generator=rng, device=rng.device, dtype=torch.float32)

    def log_prob(self, c: Float[Tensor, "b width"]) -> Float[Tensor, "b"]:
        return -0.5 * c[:, 0] ** 2 - 0.5 * math.log(2 * math.pi)

    def entropy(self) -> float:
        """H(c) = log(2 pi e) / 2; differential."""
        return 0.5 * math.log(2 * math.pi * math.e)

    def draw(self, q: Float[Tensor, "b params"], u: Float[Tensor, "n b"]) -> Float[Tensor, "b width"]:
        mean, std = self.decode(q)
        return (mean + std * standard_normal(u[0]))[:, None]

    def kl(self, q: Float[Tensor, "b params"]) -> Float[Tensor, "b"]:
        return gaussian_kl(*self.decode(q))


@final
@dataclass(frozen=True)
class Circular(Code):
    """An angle, uniform on the circle, given to G as its cosine and sine.

    Q is a von Mises distribution. Its outputs are kappa (cos mean, sin mean), so that no angle is special.
    The concentration is then capped, as `min_std` does for other codes: min_std^2 is added to 1 / kappa.
    """

    min_std: float = MIN_STD

    @property
    def width(self) -> int:
        return 2

    @property
    def n_params(self) -> int:
        return 2

    @property
    def kind(self) -> Kind:
        return "angle"

    @property
    def categories(self) -> None:
        return None

    def sample_value(self, n: int, rng: torch.Generator) -> Float[Tensor, "{n}"]:
        return 2 * math.pi * torch.rand(n, generator=rng, device=rng.device, dtype=torch.float32)

    def embed(self, value: Float[Tensor, "b"]) -> Float[Tensor, "b width"]:
        return torch.stack([value.cos(), value.sin()], dim=1)

    def log_prob(self, c: Float[Tensor, "b width"]) -> Float[Tensor, "b"]:
        return c.new_full((len(c),), -math.log(2 * math.pi))

    def entropy(self) -> float:
        """H(c) = log 2 pi; differential, over the angle in radians."""
        return math.log(2 * math.pi)

    def _capped_concentration(self, q: Float[Tensor, "b 2"]) -> Float[Tensor, "b 2"]:
        """kappa (cos mean, sin mean) with kappa / (1 + min_std^2 kappa) < 1 / min_std^2 in place of kappa."""
        return q / (1 + self.min_std**2 * _length(q)[:, None])

    def log_q(self, c: Float[Tensor, "b width"], q: Float[Tensor, "b params"]) -> Float[Tensor, "b"]:
        q = self._capped_concentration(q)
        kappa = _length(q)
        log_i0: Tensor = torch.special.i0e(kappa).log() + kappa
        return (c * q).sum(dim=1) - log_i0 - math.log(2 * math.pi)

    def draw(self, q: Float[Tensor, "b params"], u: Float[Tensor, "n b"]) -> Float[Tensor, "b width"]:
        """A Gaussian wound around the circle, with Q's mean and spread, which is nearly von Mises' law."""
        mean, spread = self.decode(q)
        return self.embed(mean + spread * standard_normal(u[0]))

    def kl(self, q: Float[Tensor, "b params"]) -> Float[Tensor, "b"]:
        """log 2 pi - H(Q) of von Mises' law."""
        kappa = _length(self._capped_concentration(q))
        mean_length: Tensor = torch.special.i1e(kappa) / torch.special.i0e(kappa)
        log_i0: Tensor = torch.special.i0e(kappa).log() + kappa
        return kappa * mean_length - log_i0

    def log_categories(self, q: Float[Tensor, "b params"]) -> None:
        return None

    def decode(self, q: Float[Tensor, "b params"]) -> Decoded:
        kappa = _length(self._capped_concentration(q))
        mean_length = torch.special.i1e(kappa) / torch.special.i0e(kappa)
        angle = torch.atan2(q[:, 1], q[:, 0]).remainder(2 * math.pi)
        return Decoded(angle, (-2 * mean_length.log()).sqrt())

    def sweep(self, steps: int, low: float, high: float) -> Float[Tensor, "m"]:
        # The whole circle, whatever low and high are.
        return torch.linspace(0, 2 * math.pi, steps + 1, dtype=torch.float32)[:-1]


def _length(q: Float[Tensor, "b 2"]) -> Float[Tensor, "b"]:
    length: Tensor = torch.linalg.vector_norm(q, dim=1)
    return length
