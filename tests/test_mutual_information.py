"""The mutual information of clusters under transforms, Eq. (2): enumeration, bounds, gradients."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from test_objective import INFORMATION, P_C, P_CX, P_X, one_hot, randn
from torch import Tensor
from torch.testing import assert_close

from infogan.pretraining.clustering.mutual_information import (
    information_and_prior,
    log_joint,
    mutual_information,
)

seeds = st.integers(0, 2**31)


def certain(*clusters: int) -> Tensor:
    """log Q of a Q that is nearly certain of each image's cluster."""
    return (one_hot(torch.tensor(clusters), 3) + 1e-12).log()


def test_mutual_information_of_a_joint_distribution_is_what_enumeration_gives() -> None:
    """Of one that is not square; 0 if the two are independent."""
    assert_close(mutual_information(P_CX.log()), INFORMATION)
    assert_close(mutual_information((P_C * P_X).log()), torch.zeros((), dtype=torch.float64))


@pytest.mark.parametrize(
    ("clusters", "of_transformed", "twelfths"),
    [
        ((0, 1, 2, 0, 1, 2), (0, 1, 2, 0, 1, 2), [[4, 0, 0], [0, 4, 0], [0, 0, 4]]),  # log 3
        ((0, 0, 0, 1, 1, 2), (0, 0, 0, 1, 1, 2), [[6, 0, 0], [0, 4, 0], [0, 0, 2]]),
        (
            (0, 0, 0, 1, 1, 2),
            (0, 0, 0, 1, 2, 2),
            [[6, 0, 0], [0, 2, 1], [0, 1, 2]],
        ),  # one changes
        ((0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0), [[12, 0, 0], [0, 0, 0], [0, 0, 0]]),  # 0
    ],
)
def test_clusters_keep_the_entropy_of_their_sizes_less_what_transforms_lose(
    clusters: tuple[int, ...], of_transformed: tuple[int, ...], twelfths: list[list[int]]
) -> None:
    P = torch.tensor(twelfths, dtype=torch.float64) / 12
    independent = torch.outer(P.sum(0), P.sum(0)).clamp(min=1e-300)
    expected = torch.special.xlogy(P, P / independent).sum()
    assert_close(mutual_information(log_joint(certain(*clusters), certain(*of_transformed))), expected)


@settings(deadline=None)
@given(seed=seeds, scale=st.floats(0.1, 40))
def test_the_joint_is_the_sum_over_images_in_log_space(seed: int, scale: float) -> None:
    """E_x[ Q(k|x) Q(k'|x') ], symmetrised."""
    a, b = ((scale * randn(50, 7, seed=seed + i)).log_softmax(dim=1) for i in range(2))
    log_P = (a[:, :, None] + b[:, None, :]).logsumexp(dim=0) - math.log(50)
    expected = torch.logaddexp(log_P, log_P.T) - math.log(2)
    assert_close(log_joint(a, b), expected, rtol=0, atol=1e-7)
    found = mutual_information(log_joint(a, b))
    assert -1e-12 <= found <= math.log(7)
    assert_close(found, mutual_information(log_joint(b, a)))
    order = torch.randperm(7, generator=torch.Generator().manual_seed(seed))
    assert_close(found, mutual_information(log_joint(a[:, order], b[:, order])))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [300.0, 1e4])
def test_value_and_gradient_are_finite_if_q_is_certain_and_two_clusters_share_no_image(
    dtype: torch.dtype, scale: float
) -> None:
    """The product of their columns underflows to 0, whose logarithm has no finite gradient."""
    c = torch.tensor([0, 1, 0, 2])
    logits = (scale * F.one_hot(c, 3)).to(dtype).requires_grad_()
    transformed = (scale * F.one_hot(torch.tensor([1, 1, 0, 2]), 3)).to(dtype)
    log_P = log_joint(logits.log_softmax(1), transformed.log_softmax(1))
    information = mutual_information(log_P)
    information.backward()
    assert torch.isfinite(log_P).all()
    assert 0 < information < math.log(3)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_the_gradient_is_that_of_finite_differences() -> None:
    q, other = randn(6, 3, seed=1).requires_grad_(), randn(6, 3, seed=2).log_softmax(1)
    assert torch.autograd.gradcheck(lambda q: mutual_information(log_joint(q.log_softmax(1), other)), (q,))


@given(seeds)
def test_information_and_prior_is_largest_at_the_prior(seed: int) -> None:
    """I - H(k) - KL(P(k), prior) <= 0, with equality if certain clusters have the prior's shares."""
    P = randn(4, 4, seed=seed).double().softmax(dim=1)
    P = (P + P.T) / (P + P.T).sum()
    prior = randn(4, seed=seed + 1).double().softmax(dim=0)
    P_k = P.sum(dim=0)
    expected = mutual_information(P.log()) + (P_k * P_k.log()).sum() - (P_k * (P_k / prior).log()).sum()
    assert_close(information_and_prior(P.log(), prior.log()), expected)
    assert expected <= 1e-9
    certain_clusters = (torch.diag(prior) + 1e-30).log()
    assert_close(information_and_prior(certain_clusters, prior.log()), torch.zeros((), dtype=torch.float64))
