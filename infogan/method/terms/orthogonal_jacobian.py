"""Orthogonal directions of the codes in G's images."""

from itertools import combinations
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from infogan.method.terms.term import Batch, Term, TermValue

STEP = 0.25  # of the finite difference, in units of the code: uniform codes are in [-1, 1]
N_IMAGES = 48  # of a batch, enough for the mean


@final
class OrthogonalJacobian(Term):
    """The mean squared cosine between the directions in which two codes change G's images; in [0, 1].

    Only codes of kind "number" take part, uniform and Gaussian ones; with fewer than two of them it is 0.

    OroJaR, Wei et al. 2021, "Orthogonal Jacobian Regularization for Unsupervised Disentanglement in Image
    Generation". The directions are one-sided differences of G instead of Jacobian-vector products,
    d_i = (G(z, c + ε e_i) - G(z, c)) / ε. Each c_i moves towards 0 (ε < 0 if c_i > 0), so that a uniform code
    stays in [-1, 1]: outside of it G has not been trained. The sign of ε does not change a squared cosine.
    """

    player, name = "G", "orthogonal_jacobian"

    def __init__(self, weight: float) -> None:
        self.weight = weight

    def __call__(self, batch: Batch, u: Tensor) -> TermValue:
        n = min(N_IMAGES, len(batch.z))
        z, c = batch.z[:n], [c_i[:n] for c_i in batch.c]
        x = batch.G(z, c)
        moving = [i for i, code in enumerate(batch.latent.codes) if code.kind == "number"]
        directions = [(batch.G(z, _shifted(c, i)) - x).flatten(1) / STEP for i in moving]
        cosines = [_squared_cosine(a, b) for a, b in combinations(directions, 2)]
        return TermValue(torch.stack(cosines).mean() if cosines else x.sum() * 0, {})


def _shifted(c: list[Tensor], i: int) -> list[Tensor]:
    """The codes with code i moved by `STEP` towards 0."""
    step = torch.where(c[i] > 0, -STEP, STEP).to(c[i])
    return [c_j + step if j == i else c_j for j, c_j in enumerate(c)]


def _squared_cosine(a: Float[Tensor, "n d"], b: Float[Tensor, "n d"]) -> Float[Tensor, "n"]:
    product, lengths = (a * b).sum(dim=1), a.square().sum(dim=1) * b.square().sum(dim=1)
    # A code that changes nothing has a direction of length 0; the clamp makes its cosine and gradient 0.
    squared: Tensor = product.square() / lengths.clamp(min=1e-12)
    return squared
