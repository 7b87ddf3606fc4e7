"""The input of G: noise z and codes c_1 ... c_L, sampled, concatenated, and read from a spec string."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, final

import torch
from jaxtyping import Float
from torch import Tensor

from infogan.config.parts import Codes
from infogan.config.spec import CodeName, parse_spec
from infogan.method.codes import (
    MIN_STD,
    Bernoulli,
    Categorical,
    Circular,
    Code,
    Decoded,
    Gaussian,
    Uniform,
)

Noise = Literal["uniform", "normal"]


@final
@dataclass(frozen=True)
class Latent:
    """Incompressible noise z, and the codes, which Q recovers (Sec. 4).

    A code may be under a categorical one, its parent, and mean something else in each of its categories
    (Sec. 8: "learning hierarchical latent representations"). It is still independent of it under P(c), but G
    has inputs and Q has outputs for it in each category: G's other inputs are 0, and Q(c_2|c_1, x) takes
    those outputs that are for c_1. By the chain rule both L_I add up to a bound on what x tells of both:

        I(c_1; x) + I(c_2; x | c_1) = I(c_1, c_2; x)
    """

    codes: tuple[Code, ...]
    n_z: int
    noise: Noise = "uniform"
    parents: Mapping[int, int] = field(default_factory=dict)  # of codes under another, by index; it is before

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
        codes = tuple(make[kind](k) for kind, k in spec.codes)
        latent = Latent(codes, spec.n_noise, noise, spec.parents)
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
    def n_blocks(self) -> tuple[int, ...]:
        """How many times G's inputs and Q's outputs hold each code: once per category of its parent."""
        return tuple(
            self.codes[self.parents[i]].width if i in self.parents else 1 for i in range(len(self.codes))
        )

    @property
    def width(self) -> int:
        """The width of G's input; 74 for MNIST (App. C.1)."""
        return self.n_z + sum(n * code.width for n, code in zip(self.n_blocks, self.codes, strict=True))

    @property
    def n_params(self) -> int:
        """The width of Q's output."""
        return sum(n * code.n_params for n, code in zip(self.n_blocks, self.codes, strict=True))

    @property
    def names(self) -> tuple[str, ...]:
        """c1 ... cL, the paper's names."""
        return tuple(f"c{i}" for i in range(1, len(self.codes) + 1))

    def category_under(self, i: int) -> int | None:
        """The categorical code under code i, if there is one."""
        children = (j for j, parent in self.parents.items() if parent == i)
        return next((j for j in children if isinstance(self.codes[j], Categorical)), None)

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
        """z and the codes as one tensor, each in the block of its parent's category; only G needs it."""
        blocks = (
            (c[self.parents[i]][:, :, None] * c_i[:, None]).flatten(1) if i in self.parents else c_i
            for i, c_i in enumerate(c)
        )
        return torch.cat([z, *blocks], dim=1)

    def split_q(self, q: Float[Tensor, "b params"]) -> tuple[Float[Tensor, "b _"], ...]:
        """Q's output, one tensor per code, with the blocks of all categories of its parent."""
        widths = [n * code.n_params for n, code in zip(self.n_blocks, self.codes, strict=True)]
        return torch.split(q, widths, dim=1)

    def given(
        self, i: int, c: Sequence[Float[Tensor, "b _"]], q_i: Float[Tensor, "b _"]
    ) -> Float[Tensor, "b _"]:
        """Q's outputs for code i alone: those in the block of its parent's category, if it has a parent.

        Args:
            c: the codes as G takes them, at least up to the parent.
            q_i: as `split_q` returns them.
        """
        return given_category(c[self.parents[i]], q_i) if i in self.parents else q_i

    def given_parents(
        self, c: Sequence[Float[Tensor, "b _"]], q: Sequence[Float[Tensor, "b _"]]
    ) -> list[Float[Tensor, "b _"]]:
        """Q's outputs for each code, given the categories of all parents in c; see `given`."""
        return [self.given(i, c, q_i) for i, q_i in enumerate(q)]

    def decode(self, q: Sequence[Float[Tensor, "b _"]]) -> list[Decoded]:
        """The most likely value of each code, given its parent's most likely category, and its spread."""
        c: list[Tensor] = []
        decoded: list[Decoded] = []
        for i, (code, q_i) in enumerate(zip(self.codes, q, strict=True)):
            decoded.append(code.decode(self.given(i, c, q_i)))
            c.append(code.embed(decoded[-1].value))
        return decoded

    def kl(self, q: Sequence[Float[Tensor, "b _"]]) -> list[Float[Tensor, "b"]]:
        """KL(Q(c_i|x) || P(c_i)) of each code in nats; of one with a parent, its mean over Q(k|x)."""
        found = []
        for i, (code, q_i) in enumerate(zip(self.codes, q, strict=True)):
            if i not in self.parents:
                found.append(code.kl(q_i))
                continue
            p = q[self.parents[i]].softmax(dim=1)
            of_blocks = code.kl(q_i.reshape(p.numel(), -1)).reshape(p.shape)
            found.append((p * of_blocks).sum(dim=1))
        return found

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


def given_category(k: Float[Tensor, "b k"], q: Float[Tensor, "b kp"]) -> Float[Tensor, "b p"]:
    """The block of Q's outputs for category k, one-hot."""
    # Not by an index, so that k gets a gradient; a matrix product would lose digits under autocast.
    return (k[:, :, None] * q.reshape(*k.shape, q.shape[1] // k.shape[1])).sum(dim=1)
