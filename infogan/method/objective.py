"""The paper's objective, Eqs. (1), (5) and (6), as pure functions of network outputs; all in nats.

logit_real, logit_fake: D's output before the sigmoid, so D(x) = sigmoid(logit), (b,).
L_I: the variational bound, an entry a code, (L,). lam: λ, an entry a code, (L,).
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
    """L_I(G, Q) = E[log Q(c|x)] + H(c) with c ~ P(c), x ~ G(z, c), Eq. (5): an entry a code.

    It is a lower bound on I(c; G(z, c)), and short of it by the divergence of Q from P(c|x), Eq. (4).
    `q` is Q's output at x = G(z, c) for the `c` that made x: such a c is a sample of P(c|x) already,
    which is why no posterior is ever sampled (Lemma 5.1). Codes are independent a priori (Sec. 4),
    so the bound is a sum; it is not summed here, as codes may be weighed apart (Table 7).
    """
    terms = zip(codes, c, q, strict=True)
    return torch.stack([code.log_q(c_i, q_i).mean() + code.entropy() for code, c_i, q_i in terms])


def infogan_value(
    V: Float[Tensor, ""], L_I: Float[Tensor, "L"], lam: Float[Tensor, "L"]
) -> Float[Tensor, ""]:
    """V_InfoGAN(D, G, Q) = V(D, G) - λ L_I(G, Q), Eq. (6): D raises V, G and Q lower the whole."""
    return V - lam @ L_I


def target_bound(p: Float[Tensor, "b k"], *log_q: Float[Tensor, "b k"]) -> Float[Tensor, ""]:
    """L_I(k; x) = E[log Q(k|x)] + H(k) with k ~ p(k|x), Eq. (5) with targets of real images in c's place; nats.

    H(k) is the entropy of the mean target over the batch, so that one cluster for all images has no
    information. At most H(k), if every target is certain and Q agrees with it.

    Args:
        p: soft targets of the images, p(.|x).
        log_q: log Q(.|x), for one or more views of each image.
    """
    views = torch.stack([(p * view).sum(dim=1).mean() for view in log_q])
    entropy: Tensor = torch.special.entr(p.mean(dim=0)).sum()
    return views.mean() + entropy


def with_best_std(L_I: float, H_c: float, std: float) -> tuple[float, float]:
    """L_I, in nats, of Q with the same means and the standard deviation that fits them best, and that one.

        L_I = H(c) - log std - log(2 pi) / 2 - E[(c - mean)^2] / (2 std^2)

    is largest in std where std^2 = E[(c - mean)^2]. Even a perfect Q has L_I below 0 where std is 1.
    """
    error = 2 * std**2 * (H_c - math.log(std) - math.log(2 * math.pi) / 2 - L_I)
    # Rounding may take an error of next to nothing below 0; the bound is then higher than any bar.
    error = max(error, 1e-6)
    return H_c - math.log(2 * math.pi * math.e * error) / 2, math.sqrt(error)
