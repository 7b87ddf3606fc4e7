"""The mutual information between the clusters of an image and of the same image transformed."""

import math
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def log_joint(log_p: Float[Tensor, "b k"], log_p_transformed: Float[Tensor, "b k"]) -> Float[Tensor, "k k"]:
    """log P(k, k'): the joint distribution, over a batch, of an image's cluster and its transformed copy's.

        P(k, k') = E_x[ Q(k|x) Q(k'|x') ],  symmetrised, as either image might be the transformed one

    (IIC, Ji et al. 2019, Sec. 3.1). Columns are shifted by their maxima, so that a product of matrices does
    not underflow.

    Args:
        log_p: log Q(.|x), in nats.
        log_p_transformed: log Q(.|x'), in nats.
    """
    top, top_transformed = (each.detach().amax(dim=0) for each in (log_p, log_p_transformed))
    P = (log_p - top).exp().T @ (log_p_transformed - top_transformed).exp()
    # Two clusters that share no image underflow to 0, whose logarithm would have no finite gradient.
    log_P = (
        P.clamp(min=torch.finfo(P.dtype).tiny).log()
        + top[:, None]
        + top_transformed[None, :]
        - math.log(len(log_p))
    )
    return torch.logaddexp(log_P, log_P.T) - math.log(2)


def log_joint_of_all(log_p: Float[Tensor, "b2 k"], fabric: "Fabric") -> Float[Tensor, "k k"]:
    """`log_joint` over the whole batch, of which each process has a part.

    Its gradient in this part is scaled as if the part were the whole: gradients are averaged later.

    Args:
        log_p: log Q(.|x) of the images, then of the same transformed otherwise.
    """
    log_P, world = log_joint(log_p[: len(log_p) // 2], log_p[len(log_p) // 2 :]), fabric.world_size
    if world == 1:
        return log_P
    from infogan.utils.distributed import gather

    parts = gather(log_P.detach())
    parts[fabric.global_rank] = log_P.detach() + world * (log_P - log_P.detach())
    return torch.stack(parts).logsumexp(dim=0) - math.log(world)


def mutual_information(log_P: Float[Tensor, "k m"]) -> Float[Tensor, ""]:
    """I(k; k') = sum of P(k, k') log( P(k, k') / (P(k) P(k')) ), Eq. (2), in nats.

    For `log_joint` it is the information that an image's cluster keeps under transforms. It is largest,
    log k, if all clusters are equally frequent and no image changes its cluster, so that no further term is
    needed to balance the clusters.
    """
    log_P_k, log_P_m = log_P.logsumexp(dim=1, keepdim=True), log_P.logsumexp(dim=0, keepdim=True)
    return (log_P.exp() * (log_P - log_P_k - log_P_m)).sum()


def information_and_prior(log_P: Float[Tensor, "k k"], log_prior: Float[Tensor, "k"]) -> Float[Tensor, ""]:
    """I(k; k') + E[log prior(k)]: the objective if clusters need not be equally frequent, in nats.

    It is I(k; k') - H(k) - KL(P(k), prior), at most 0, which it is if P(k) = prior(k) and no image changes
    its cluster. With a uniform prior it is I(k; k') - log k.
    """
    P_k = log_P.logsumexp(dim=1).exp()
    return mutual_information(log_P) + (P_k * log_prior).sum()
