"""Numbers read off images, as targets that are distributed as P(c)."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from infogan.method.codes import Code
from infogan.method.codes.continuous import Circular, Gaussian


def uniform_ranks(values: Float[Tensor, "n"], groups: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
    """Numbers in (-1, 1), uniform within each group, in the order of the values."""
    found = torch.empty_like(values)
    for group in torch.unique(groups):
        of = groups == group
        order = values[of].argsort().argsort().float()
        found[of] = (2 * order + 1) / of.sum() - 1
    return found


def to_targets(values: Float[Tensor, "n"], code: Code) -> Float[Tensor, "n _"]:
    """Numbers that are uniform in (-1, 1), as targets of a continuous code; half precision.

    An angle, as its cosine and sine, goes once around from -1 to 1.
    """
    if isinstance(code, Circular):
        return torch.stack([(math.pi * values).cos(), (math.pi * values).sin()], dim=1).half()
    return (math.sqrt(2) * torch.erfinv(values) if isinstance(code, Gaussian) else values)[:, None].half()
