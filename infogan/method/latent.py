"""The input of G: noise z and codes c_1 ... c_L, sampled, concatenated, and read from a spec string."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, final

import torch
from jaxtyping import Float
from torch import Tensor

from infogan.config.parts import Codes
from infogan.config.spec import CodeName, parse_spec
from infogan.method.codes import MIN_STD, Bernoulli, Categorical, Circular, Code, Gaussian, Uniform

Noise = Literal["uniform", "normal"]


@final
@dataclass(frozen=True)
class Latent:
    """Incompressible noise z, and the codes, which Q recovers (Sec. 4)."""

    codes: tuple[Code, ...]
    n_z: int
    noise: Noise = "uniform"

    @staticmethod
    def parse(
        text: str,
        noise: Noise = "uniform",
        min_std: float = MIN_STD,
        fixed_std: float | None = None,
        shares: tuple[float, ...] | None = None,
    ) -> "Latent":
        """The latent of a spec string such as "cat:10 unif:2 noise:62" (its words: `parse_spec`).

        Args:
            noise: the distribution of z; the paper names none, the original code uses Unif(-1, 1).
            min_std: the smallest standard deviation that Q may claim for a continuous code.
            fixed_std: Q's standard deviation if it is not learned; circular codes always learn it.
            shares: P(c) of the first categorical code if it is not uniform.

        Raises:
            InfoganError: if the text is not a spec.
        """
        make: dict[CodeName, Callable[[int], Code]] = {
            "cat": Categorical,
            "unif": lambda _: Uniform(min_std, fixed_std),
            "gauss": lambda _: Gaussian(min_std, fixed_std),
            "bern": lambda _: Bernoulli(),
            "circ": lambda _: Circular(min_std),
        }
        spec = parse_spec(text)
        latent = Latent(tuple(make[kind](k) for kind, k in spec.codes), spec.n_noise, noise)
        return latent.with_shares(shares) if shares else latent

    @staticmethod
    def from_config(config: Codes) -> "Latent":
        """The latent of a run."""
        return Latent.parse(config.spec, config.noise, config.min_std, config.fixed_std, config.shares)

    def with_shares(self, shares: tuple[float, ...]) -> "Latent":
        """The same with that P(c) of the first categorical code."""
        i = next(i for i, code in enumerate(self.codes) if isinstance(code, Categorical))
        code = Categorical(len(shares), shares)
        return replace(self, codes=(*self.codes[:i], code, *self.codes[i + 1 :]))

    @property
    def width(self) -> int:
        """The width of G's input; 74 for MNIST (App. C.1)."""
        return self.n_z + sum(code.width for code in self.codes)

    @property
    def n_params(self) -> int:
        """The width of Q's output."""
        return sum(code.n_params for code in self.codes)

    @property
    def names(self) -> tuple[str, ...]:
        """c1 ... cL, the paper's names."""
        return tuple(f"c{i}" for i in range(1, len(self.codes) + 1))

    def sample_z(self, n: int, rng: torch.Generator) -> Float[Tensor, "{n} n_z"]:
        if self.noise == "normal":
            return torch.randn(n, self.n_z, generator=rng, device=rng.device, dtype=torch.float32)
        return 2 * torch.rand(n, self.n_z, generator=rng, device=rng.device, dtype=torch.float32) - 1

    def sample_c(self, n: int, rng: torch.Generator) -> list[Float[Tensor, "{n} _"]]:
        """One tensor per code, drawn independently: P(c) is the product of the P(c_i) (Sec. 4)."""
        return [code.sample(n, rng) for code in self.codes]

    def embed(self, values: Float[Tensor, "b L"]) -> list[Float[Tensor, "b _"]]:
        """The codes as G takes them, from their values, one column per code."""
        return [code.embed(v) for code, v in zip(self.codes, values.unbind(dim=1), strict=True)]

    def pack(self, z: Float[Tensor, "b n_z"], c: Sequence[Float[Tensor, "b _"]]) -> Float[Tensor, "b width"]:
        """z and the codes as one tensor; only G needs it."""
        return torch.cat([z, *c], dim=1)

    def split_q(self, q: Float[Tensor, "b params"]) -> tuple[Float[Tensor, "b _"], ...]:
        """Q's output, one tensor per code."""
        return torch.split(q, [code.n_params for code in self.codes], dim=1)

    @property
    def k(self) -> int:
        """The number of categories of the first discrete code; 0 if there is none."""
        return next((code.categories for code in self.codes if code.categories is not None), 0)

    def log_categories(self, q: Sequence[Float[Tensor, "b _"]]) -> Float[Tensor, "b k"]:
        """log Q(c|x) of every value of the first discrete code, in nats.

        Raises:
            StopIteration: if no code is discrete.
        """
        each = (code.log_categories(q_i) for code, q_i in zip(self.codes, q, strict=True))
        return next(log_p for log_p in each if log_p is not None)
