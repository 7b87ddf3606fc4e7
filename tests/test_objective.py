"""Eqs. (1) and (4) to (6) and Lemma 5.1, as identities on distributions small enough to write out."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from infogan.method.codes import Bernoulli, Categorical, Gaussian, Uniform
from infogan.method.objective import gan_value, info_bound, infogan_value, target_bound


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def one_hot(index: Tensor, k: int) -> Tensor:
    return F.one_hot(index, k).double()


def pairs(counts: Tensor) -> tuple[Tensor, Tensor]:
    """Pairs (c, x), each as often as `counts` says, so that a mean over them is an expectation."""
    n_x = counts.shape[1]
    cell = torch.arange(counts.numel()).repeat_interleave(counts.flatten())
    return cell // n_x, cell % n_x


def of_categories(c: Tensor, q: Tensor) -> Tensor:
    """L_I of one categorical code; logits of Q, one row per pair."""
    k = q.shape[1]
    return info_bound([Categorical(k)], [one_hot(c, k)], [q])[0]


# A noisy channel from 3 equally likely codes to 4 images, one row per code, in twelfths.
CHANNEL = torch.tensor([[7, 3, 1, 1], [1, 8, 2, 1], [2, 2, 2, 6]])
P_CX = CHANNEL.double() / CHANNEL.sum()
P_C, P_X = P_CX.sum(dim=1, keepdim=True), P_CX.sum(dim=0, keepdim=True)
POSTERIOR = (P_CX / P_X).T  # P(c|x), one row per image
INFORMATION = (P_CX * (P_CX / (P_C * P_X)).log()).sum()
C, X = pairs(CHANNEL)

seeds = st.integers(0, 2**31)


@settings(deadline=None)
@given(seed=seeds)
def test_bound_misses_the_information_by_the_divergence_of_q(seed: int) -> None:
    """Eq. (4): I(c; x) - L_I(G, Q) = E_x[ KL(P(c|x) || Q(c|x)) ], for every Q."""
    logits = 2 * randn(4, 3, seed=seed)
    L_I = of_categories(C, logits[X])
    divergence = (P_CX.T * (POSTERIOR.log() - logits.log_softmax(dim=1))).sum()
    assert_close(INFORMATION - L_I, divergence)
    assert L_I <= INFORMATION


def test_bound_is_tight_with_zero_gradient_at_the_posterior_only() -> None:
    assert INFORMATION > 0.1
    for logits, is_posterior in ((POSTERIOR.log(), True), (randn(4, 3), False)):
        logits = logits.clone().requires_grad_()
        L_I = of_categories(C, logits[X])
        (gradient,) = torch.autograd.grad(L_I, logits)
        assert torch.isclose(L_I, INFORMATION).item() is is_posterior
        assert torch.allclose(gradient, torch.zeros_like(gradient)) is is_posterior


@settings(deadline=None)
@given(seed=seeds)
def test_bound_is_negative_if_g_ignores_its_code(seed: int) -> None:
    """I(c; x) = 0, so L_I <= 0 for every Q."""
    c, x = pairs(torch.tensor([[1, 2, 3]] * 4))
    assert of_categories(c, randn(3, 4, seed=seed)[x]) < 0


@settings(deadline=None)
@given(k=st.integers(2, 12), scale=st.floats(0, 1000), seed=seeds)
def test_bound_of_a_categorical_is_at_most_its_entropy(k: int, scale: float, seed: int) -> None:
    c = torch.arange(20) % k
    assert of_categories(c, scale * (randn(20, k, seed=seed) + one_hot(c, k))) <= math.log(k)


def test_bound_is_the_entropy_if_q_is_certain_and_right() -> None:
    c = torch.arange(20) % 10
    assert of_categories(c, 1000 * one_hot(c, 10)).item() == pytest.approx(math.log(10))


def test_gradient_of_the_bound_is_code_minus_softmax() -> None:
    """d L_I / d logits = (c - softmax) / b."""
    c, q = torch.arange(8) % 5, randn(8, 5).requires_grad_()
    (gradient,) = torch.autograd.grad(of_categories(c, q), q)
    assert_close(gradient, (one_hot(c, 5) - q.detach().softmax(dim=1)) / 8)


def test_each_code_has_its_own_bound() -> None:
    codes = [Categorical(3), Gaussian(), Bernoulli()]
    c = [one_hot(torch.arange(6) % 3, 3), randn(6, 1), (torch.arange(6) % 2)[:, None].double()]
    q = [randn(6, code.n_params, seed=i) for i, code in enumerate(codes)]
    alone = [info_bound([code], [a], [b]) for code, a, b in zip(codes, c, q, strict=True)]
    assert_close(info_bound(codes, c, q), torch.cat(alone))


@pytest.mark.parametrize(("n_c", "n_q"), [(1, 2), (2, 1)])
def test_a_code_without_its_output_is_refused(n_c: int, n_q: int) -> None:
    c, q = [one_hot(torch.arange(3), 3)] * n_c, [randn(3, 3)] * n_q
    with pytest.raises(ValueError, match="zip"):
        info_bound([Categorical(3)] * 2, c, q)


def test_sampling_the_posterior_again_changes_nothing() -> None:
    """Lemma 5.1: E_{x~X, y~Y|x}[f(x, y)] = E_{x~X, y~Y|x, x'~X|y}[f(x', y)].

    So E[log Q(c'|x)] over c' ~ P(c|x) is E[log Q(c|x)] over the code c that made x.
    """
    log_Q = randn(4, 3).log_softmax(dim=1)  # f(c, x), one row per image
    again = sum(
        P_CX[c, x] * POSTERIOR[x, c_again] * log_Q[x, c_again]
        for c in range(3)
        for x in range(4)
        for c_again in range(3)
    )
    assert_close(of_categories(C, log_Q[X]) - math.log(3), torch.as_tensor(again))


def test_gan_value_is_minus_the_cross_entropies() -> None:
    real, fake = 5 * randn(9), 5 * randn(7, seed=1)
    bce = F.binary_cross_entropy_with_logits
    expected = -bce(real, torch.ones_like(real)) - bce(fake, torch.zeros_like(fake))
    assert_close(gan_value(real, fake), expected)


def test_gan_value_is_finite_if_d_is_certain_and_wrong() -> None:
    certain = torch.full((2,), 1e4, dtype=torch.float64)
    assert gan_value(-certain, certain).item() == pytest.approx(-2e4)


def test_the_best_d_knows_the_ratio_of_the_distributions() -> None:
    """Sec. 3: D = P_data / (P_data + P_G), whose logit is log P_data - log P_G; there the gradient
    of V is zero, and V = 2 JSD(P_data, P_G) - log 4."""
    data, fake = torch.tensor([5, 2, 1, 2]), torch.tensor([1, 3, 2, 4])  # tenths
    P_data, P_G = data.double() / 10, fake.double() / 10
    logits = (P_data.log() - P_G.log()).requires_grad_()
    images = torch.arange(4)
    V = gan_value(logits[images.repeat_interleave(data)], logits[images.repeat_interleave(fake)])
    (gradient,) = torch.autograd.grad(V, logits)
    assert_close(gradient, torch.zeros_like(gradient))
    M = (P_data + P_G) / 2
    jsd = ((P_data * (P_data / M).log()).sum() + (P_G * (P_G / M).log()).sum()) / 2
    assert_close(V.detach(), 2 * jsd - math.log(4))


def test_infogan_value_weighs_the_bound() -> None:
    V, L_I, lam = randn(1)[0], randn(2, seed=1), torch.tensor([1.0, 0.1], dtype=torch.float64)
    assert_close(infogan_value(V, L_I, lam), V - 1.0 * L_I[0] - 0.1 * L_I[1])
    assert_close(infogan_value(V, L_I, 0 * lam), V)


@settings(deadline=None)
@given(seed=seeds)
def test_target_bound_is_the_information_less_the_divergence_of_q(seed: int) -> None:
    """By enumeration of the joint distribution of k and x: k for c in Eq. (4), with p(k|x) for P(c|x)."""
    log_q = randn(4, 3, seed=seed).log_softmax(dim=1)
    k = Categorical(3)
    found = target_bound(k, POSTERIOR[X], log_q[X])
    divergence = (P_CX.T * (POSTERIOR.log() - log_q)).sum()
    assert_close(found, INFORMATION - divergence)
    assert_close(target_bound(k, POSTERIOR[X], POSTERIOR.log()[X]), INFORMATION)
    assert_close(target_bound(k, POSTERIOR[X], log_q[X], POSTERIOR.log()[X]), (found + INFORMATION) / 2)


def test_target_bound_of_one_cluster_for_all_images_is_0() -> None:
    """Though Q agrees with certainty; log k would be the bound for clusters of equal size."""
    p = one_hot(torch.zeros(12, dtype=torch.long), 4)
    certain = (1000 * p).log_softmax(dim=1)
    assert target_bound(Categorical(4), p, certain, certain) == 0


@settings(deadline=None)
@given(seed=seeds, sharpness=st.floats(0, 50))
def test_target_bound_is_at_most_the_entropy_of_the_mean_target(seed: int, sharpness: float) -> None:
    p = (sharpness * randn(12, 4, seed=seed)).softmax(dim=1)
    mean = p.mean(dim=0)
    for log_q in (randn(12, 4, seed=seed + 1).log_softmax(dim=1), (p + 1e-30).log()):
        assert target_bound(Categorical(4), p, log_q) <= torch.special.entr(mean).sum() + 1e-9


def test_target_bound_is_that_of_codes_if_each_target_is_certain_and_clusters_are_equal() -> None:
    c, q = torch.arange(12) % 4, randn(12, 4)
    assert_close(target_bound(Categorical(4), one_hot(c, 4), q), of_categories(c, q))


def test_target_bound_of_a_coin_and_of_continuous_codes() -> None:
    """A coin's target is the probability of 1; a continuous code has the entropy of its prior."""
    p, q = torch.tensor([0.25, 1.0, 0.75], dtype=torch.float64), randn(3, 1)[:, 0]
    cross_entropy = -(p * F.logsigmoid(q) + (1 - p) * F.logsigmoid(-q)).mean()
    entropy = -2 / 3 * math.log(2 / 3) - 1 / 3 * math.log(1 / 3)
    assert_close(target_bound(Bernoulli(), p[:, None], q[:, None]), entropy - cross_entropy)
    c, mean = randn(5, 1, seed=1), randn(5, 2, seed=2)
    found = target_bound(Uniform(fixed_std=1.0), c, mean)
    expected = math.log(2) - ((c[:, 0] - mean[:, 0]) ** 2).mean() / 2 - math.log(2 * math.pi) / 2
    assert_close(found, expected)
