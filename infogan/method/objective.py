"""The paper's objective, Eqs. (1), (5) and (6), as pure functions of network outputs; all in nats.

logit_real, logit_fake: D's output before the sigmoid, so D(x) = sigmoid(logit), (b,).
L_I: the variational bound, one entry per code, (L,). lam: λ, one entry per code, (L,).
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from infogan.method.codes import Code


def gan_value(logit_real: Float[Tensor, "b"], logit_fake: Float[Tensor, "n"]) -> Float[Tensor, ""]:
    """V(D, G) = E[log D(x)] + E[log(1 - D(G(z, c)))], Eq. (1)."""
    # -softplus(-a) = log sigmoid(a), and -softplus(a) = log(1 - sigmoid(a))
    return -F.softplus(-logit_real).mean() - F.softplus(logit_fake).mean()


def info_bound(
    codes: Sequence[Code],
    c: Sequence[Float[Tensor, "b _"]],
    q: Sequence[Float[Tensor, "b _"]],
) -> Float[Tensor, "L"]:
    """L_I(G, Q) = E[log Q(c|x)] + H(c) with c ~ P(c), x ~ G(z, c), Eq. (5): one entry per code.

    A lower bound on I(c; G(z, c)); the gap is the divergence of Q from P(c|x), Eq. (4). `q` is Q's output at
    x = G(z, c) for the `c` that made x. Such a c is already a sample of P(c|x), so no posterior has to be
    sampled (Lemma 5.1). Codes are independent a priori (Sec. 4), so the bound is a sum over codes; it is
    returned unsummed, as codes may have different weights (Table 7).
    """
    terms = zip(codes, c, q, strict=True)
    return torch.stack([code.log_q(c_i, q_i).mean() + code.entropy() for code, c_i, q_i in terms])


def infogan_value(
    V: Float[Tensor, ""], L_I: Float[Tensor, "L"], lam: Float[Tensor, "L"]
) -> Float[Tensor, ""]:
    """V_InfoGAN(D, G, Q) = V(D, G) - λ L_I(G, Q), Eq. (6): D raises V, G and Q lower the whole."""
    return V - lam @ L_I


def target_bound(
    code: Code, c: Float[Tensor, "b _"], *q: Float[Tensor, "b _"], parent: Float[Tensor, "b k"] | None = None
) -> Float[Tensor, ""]:
    """L_I(c; x) = E[log Q(c|x)] + H(c), Eq. (5) with soft targets of real images for c; nats.

    H(c) of a discrete code is the entropy of the mean target over the batch, so that one cluster for all
    images has no information; the bound is at most H(c), if every target is certain and Q agrees with it.
    Targets of a continuous code are distributed as its prior, whose entropy H(c) is.

    Args:
        c: targets, as G takes the code: the probability of each category, a number, or cosine and sine.
        q: Q's outputs for the code, for one or more views of each image.
        parent: the category of the code's parent, one-hot; H is then H(c|k), and q the outputs given k.
    """
    views = torch.stack([code.log_q(c, view).mean() for view in q])
    if code.categories is None:
        return views.mean() + code.entropy()
    p = c.mean(dim=0)
    p = p if len(p) == code.categories else torch.cat([1 - p, p])  # a coin's target is the probability of 1
    entropy: Tensor = torch.special.entr(p).sum()
    if parent is not None:  # H(c|k) = H(c, k) - H(k)
        both = parent.T @ c / len(c)
        entropy = torch.special.entr(both).sum() - torch.special.entr(parent.mean(dim=0)).sum()
    return views.mean() + entropy


def max_info_bound(code: Code, min_std: float) -> float | None:
    """L_I of a Q without errors, in nats: H(c) of a category, H(c) - log(min_std sqrt(2 pi)) of a number.

    None for an angle.
    """
    if code.categories is not None:
        return code.entropy()
    if code.kind == "angle":
        return None
    return code.entropy() - math.log(min_std * math.sqrt(2 * math.pi))


def with_best_std(L_I: float, H_c: float, std: float) -> tuple[float, float]:
    """L_I, in nats, of a Q with the same means and the best standard deviation; and that deviation.

        L_I = H(c) - log std - log(2 pi) / 2 - E[(c - mean)^2] / (2 std^2)

    is largest at std^2 = E[(c - mean)^2]. With std fixed at 1, L_I of a uniform code is at most
    log 2 - log(2 pi) / 2 = -0.226 nats, if every mean is c.
    """
    error = 2 * std**2 * (H_c - math.log(std) - math.log(2 * math.pi) / 2 - L_I)
    error = max(error, 1e-6)  # rounding may make a small error negative
    return H_c - math.log(2 * math.pi * math.e * error) / 2, math.sqrt(error)
