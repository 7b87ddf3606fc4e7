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


def discriminator_loss(
    logit_real: Float[Tensor, "b"],
    logit_fake: Float[Tensor, "n"],
    L_I: Float[Tensor, "L"],
    lam: Float[Tensor, "L"],
) -> Float[Tensor, ""]:
    """What D, Q and their trunk descend: -V(D, G) - λ L_I; each raises its own part of Eq. (6)."""
    return -gan_value(logit_real, logit_fake) - lam @ L_I


def generator_loss(
    logit_fake: Float[Tensor, "b"],
    L_I: Float[Tensor, "L"],
    lam: Float[Tensor, "L"],
    *,
    saturating: bool = False,
) -> Float[Tensor, ""]:
    """What G descends: its part of Eq. (6), E[log(1 - D(G(z, c)))] - λ L_I, if `saturating`.

    Otherwise -E[log D(G(z, c))] - λ L_I, as the original code has it: the same fixed point, with a
    gradient that does not vanish while D wins.
    """
    adversarial = -F.softplus(logit_fake) if saturating else F.softplus(-logit_fake)
    return adversarial.mean() - lam @ L_I


def log_joint(log_p: Float[Tensor, "b k"], log_p_moved: Float[Tensor, "b k"]) -> Float[Tensor, "k k"]:
    """log P(k, k'): the law, over a batch, of the category read off an image and off the same image moved.

        P(k, k') = E_x[ Q(k|x) Q(k'|x') ],  symmetrised, as either image might be the one that was moved

    (IIC, Ji et al. 2019, Sec. 3.1). `log_p` and `log_p_moved` are log Q(.|x) and log Q(.|x'), in nats.
    """
    b = len(log_p)
    log_P = torch.logsumexp(log_p[:, :, None] + log_p_moved[:, None, :], dim=0) - math.log(b)
    return torch.logaddexp(log_P, log_P.T) - math.log(2)


def information(log_P: Float[Tensor, "k m"]) -> Float[Tensor, ""]:
    """I(k; k') = sum of P(k, k') log( P(k, k') / (P(k) P(k')) ), Eq. (2), of a joint law; in nats.

    Of `log_joint` it is how much of an image its category keeps while the image moves: log k at most,
    where the categories are used alike and none changes. So it needs no term for their balance.
    """
    log_P_k, log_P_m = log_P.logsumexp(dim=1, keepdim=True), log_P.logsumexp(dim=0, keepdim=True)
    return (log_P.exp() * (log_P - log_P_k - log_P_m)).sum()


def kind_bound(p: Float[Tensor, "b k"], log_q: Float[Tensor, "b k"]) -> Float[Tensor, ""]:
    """L_I(k; x') = E[log Q(k|x')] + H(k), Eq. (5) once more, of real images that move; in nats.

    k ~ p(k|x) is a kind that was found in a real image x, in c's place, x' is x moved, and H(k) = log k that
    of c's own prior. `p` is p(.|x), `log_q` is log Q(.|x'). At most log k, where each x is sure of its kind
    and Q of it too.
    """
    return (p * log_q).sum(dim=1).mean() + math.log(p.shape[1])


def with_best_std(L_I: float, H_c: float, std: float) -> tuple[float, float]:
    """L_I, in nats, of Q with the same means and the standard deviation that fits them best, and that one.

        L_I = H(c) - log std - log(2 pi) / 2 - E[(c - mean)^2] / (2 std^2)

    is largest in std where std^2 = E[(c - mean)^2]. Even a perfect Q has L_I below 0 where std is 1.
    """
    error = 2 * std**2 * (H_c - math.log(std) - math.log(2 * math.pi) / 2 - L_I)
    # Rounding may take an error of next to nothing below 0; the bound is then higher than any bar.
    error = max(error, 1e-6)
    return H_c - math.log(2 * math.pi * math.e * error) / 2, math.sqrt(error)
