"""Eqs. (1) and (4) to (6) and Lemma 5.1, as identities on laws small enough to write out."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from infogan.method.codes import Bernoulli, Categorical, Gaussian
from infogan.method.objective import (
    discriminator_loss,
    gan_value,
    generator_loss,
    info_bound,
    infogan_value,
    information,
    kind_bound,
    log_joint,
)


def randn(*shape: int, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=rng, dtype=torch.float64)


def one_hot(index: Tensor, k: int) -> Tensor:
    return F.one_hot(index, k).double()


def batch_of(counts: Tensor) -> tuple[Tensor, Tensor]:
    """Pairs (c, x), each as often as `counts` says: the batch has the exact joint law, so that a
    mean over it is an expectation, not an estimate."""
    n_x = counts.shape[1]
    cell = torch.arange(counts.numel()).repeat_interleave(counts.flatten())
    return cell // n_x, cell % n_x


# A noisy channel from 3 equally likely codes to 4 images: a row a code, in twelfths.
CHANNEL = torch.tensor([[7, 3, 1, 1], [1, 8, 2, 1], [2, 2, 2, 6]])
P_CX = CHANNEL.double() / CHANNEL.sum()
P_C, P_X = P_CX.sum(dim=1, keepdim=True), P_CX.sum(dim=0, keepdim=True)
P_C_GIVEN_X = P_CX / P_X
INFORMATION = (P_CX * (P_CX / (P_C * P_X)).log()).sum()

seeds = st.integers(0, 2**31)


@settings(deadline=None)
@given(seed=seeds)
def test_bound_misses_the_information_by_the_divergence_of_q(seed: int) -> None:
    """Eq. (4): I(c; x) - L_I(G, Q) = E_x[ KL(P(c|x) || Q(c|x)) ], whatever Q is."""
    c, x = batch_of(CHANNEL)
    logits = 2 * randn(4, 3, seed=seed)  # some Q: a row an image
    (L_I,) = info_bound([Categorical(3)], [one_hot(c, 3)], [logits[x]])
    divergence = (P_CX * (P_C_GIVEN_X.log() - logits.log_softmax(dim=1).T)).sum()
    assert_close(INFORMATION - L_I, divergence)
    assert L_I <= INFORMATION


def test_bound_is_tight_where_q_is_the_posterior() -> None:
    c, x = batch_of(CHANNEL)
    (L_I,) = info_bound([Categorical(3)], [one_hot(c, 3)], [P_C_GIVEN_X.log().T[x]])
    assert INFORMATION > 0.1  # the channel says something, so the next line does
    assert_close(L_I, INFORMATION)


def test_the_gradient_of_the_bound_is_zero_at_the_posterior_only() -> None:
    c, x = batch_of(CHANNEL)
    for logits, is_zero in [(P_C_GIVEN_X.log().T, True), (randn(4, 3), False)]:
        logits = logits.clone().requires_grad_()
        (L_I,) = info_bound([Categorical(3)], [one_hot(c, 3)], [logits[x]])
        (gradient,) = torch.autograd.grad(L_I, logits)
        assert torch.allclose(gradient, torch.zeros_like(gradient)) is is_zero


@settings(deadline=None)
@given(seed=seeds)
def test_a_g_that_ignores_its_code_bounds_no_information(seed: int) -> None:
    """I(c; x) = 0, so L_I <= 0 for every Q."""
    c, x = batch_of(torch.tensor([[1, 2, 3], [1, 2, 3], [1, 2, 3], [1, 2, 3]]))
    q = randn(3, 4, seed=seed)
    (L_I,) = info_bound([Categorical(4)], [one_hot(c, 4)], [q[x]])
    assert L_I < 0


@settings(deadline=None)
@given(k=st.integers(2, 12), scale=st.floats(0, 1000), seed=seeds)
def test_no_q_finds_more_than_the_entropy_of_a_categorical(k: int, scale: float, seed: int) -> None:
    c = torch.arange(20) % k
    q = scale * (randn(20, k, seed=seed) + one_hot(c, k))
    (bound,) = info_bound([Categorical(k)], [one_hot(c, k)], [q])
    assert bound <= math.log(k)


def test_a_q_that_is_sure_and_right_finds_all_of_the_entropy() -> None:
    c = one_hot(torch.arange(20) % 10, 10)
    (L_I,) = info_bound([Categorical(10)], [c], [1000 * c])
    assert_close(L_I, torch.tensor(math.log(10), dtype=torch.float64))


def test_the_gradient_of_the_bound_is_code_minus_softmax() -> None:
    """d L_I / d logits = (c - softmax) / b."""
    c, q = one_hot(torch.arange(8) % 5, 5), randn(8, 5).requires_grad_()
    (L_I,) = info_bound([Categorical(5)], [c], [q])
    (gradient,) = torch.autograd.grad(L_I, q)
    assert_close(gradient, (c - q.detach().softmax(dim=1)) / 8)


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
    log_Q = randn(4, 3).log_softmax(dim=1)  # f(c, x), a row an image
    c_then_x = sum(
        P_CX[c, x] * P_C_GIVEN_X[again, x] * log_Q[x, again]
        for c in range(3)
        for x in range(4)
        for again in range(3)
    )
    c, x = batch_of(CHANNEL)
    (L_I,) = info_bound([Categorical(3)], [one_hot(c, 3)], [log_Q[x]])
    assert_close(L_I - math.log(3), torch.as_tensor(c_then_x))


def test_the_value_of_the_game_is_minus_the_cross_entropies() -> None:
    real, fake = 5 * randn(9), 5 * randn(7, seed=1)
    bce = F.binary_cross_entropy_with_logits
    expected = -bce(real, torch.ones_like(real)) - bce(fake, torch.zeros_like(fake))
    assert_close(gan_value(real, fake), expected)


def test_the_value_is_finite_where_d_is_sure_and_wrong() -> None:
    sure = torch.full((2,), 1e4, dtype=torch.float64)
    assert_close(gan_value(-sure, sure), torch.tensor(-2e4, dtype=torch.float64))


def test_the_best_d_knows_the_ratio_of_the_laws() -> None:
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


class Game:
    """Outputs of D and Q on one batch, and the two terms of Eq. (6) that they make."""

    def __init__(self) -> None:
        self.real = randn(6).requires_grad_()
        self.fake = randn(6, seed=1).requires_grad_()
        self.q = [randn(6, 3, seed=2).requires_grad_(), randn(6, 2, seed=3).requires_grad_()]
        c = [one_hot(torch.arange(6) % 3, 3), randn(6, 1, seed=4)]
        self.lam = torch.tensor([1.0, 0.1], dtype=torch.float64)
        self.L_I = info_bound([Categorical(3), Gaussian()], c, self.q)
        self.V = gan_value(self.real, self.fake)

    def gradient(self, of: Tensor, *at: Tensor) -> list[Tensor]:
        return list(torch.autograd.grad(of, at, retain_graph=True, materialize_grads=True))


def test_the_infogan_value_weighs_the_bound() -> None:
    game = Game()
    value = infogan_value(game.V, game.L_I, game.lam)
    assert_close(value, game.V - 1.0 * game.L_I[0] - 0.1 * game.L_I[1])
    assert_close(infogan_value(game.V, game.L_I, 0 * game.lam), game.V)


def test_d_climbs_eq_6_and_q_goes_down_it() -> None:
    """min over G and Q, max over D: D's loss is V turned, but Q's part is not."""
    game = Game()
    value = infogan_value(game.V, game.L_I, game.lam)
    loss = discriminator_loss(game.real, game.fake, game.L_I, game.lam)
    for down, up in zip(
        game.gradient(loss, game.real, game.fake),
        game.gradient(value, game.real, game.fake),
        strict=True,
    ):
        assert_close(down, -up)
    assert_close(game.gradient(loss, *game.q), game.gradient(value, *game.q))


def test_a_saturating_g_goes_down_eq_6() -> None:
    """Its loss is Eq. (6) less E[log D(x)], in which G has no part."""
    game = Game()
    value = infogan_value(game.V, game.L_I, game.lam)
    loss = generator_loss(game.fake, game.L_I, game.lam, saturating=True)
    assert_close(value - loss, F.logsigmoid(game.real).mean())
    at = (game.fake, *game.q)
    assert_close(game.gradient(loss, *at), game.gradient(value, *at))


def test_both_forms_of_g_push_the_logit_the_same_way() -> None:
    """Their gradients are -sigmoid(a) / b and -sigmoid(-a) / b: one sign, another size."""
    game = Game()
    a = game.fake
    losses = {s: generator_loss(a, game.L_I, game.lam, saturating=s) for s in (True, False)}
    (saturating,), (other,) = game.gradient(losses[True], a), game.gradient(losses[False], a)
    assert_close(saturating, -a.detach().sigmoid() / 6)
    assert_close(other, -(-a.detach()).sigmoid() / 6)
    assert torch.equal(saturating.sign(), other.sign())
    for loss in losses.values():  # what Q says weighs the same in both
        for found, expected in zip(
            game.gradient(loss, *game.q), game.gradient(-game.lam @ game.L_I, *game.q), strict=True
        ):
            assert_close(found, expected)


def test_the_default_gradient_of_g_does_not_vanish_while_d_wins() -> None:
    game = Game()
    lost = torch.full((4,), -30.0, dtype=torch.float64, requires_grad=True)
    (default,) = game.gradient(generator_loss(lost, game.L_I, game.lam), lost)
    (saturating,) = game.gradient(generator_loss(lost, game.L_I, game.lam, saturating=True), lost)
    assert_close(default, torch.full_like(default, -1 / 4))
    assert saturating.abs().max() < 1e-12


def test_information_of_a_joint_law_is_what_enumeration_gives() -> None:
    """Eq. (2), for a law that is no square; 0 where the two are independent."""
    assert_close(information(P_CX.log()), INFORMATION)
    assert_close(information((P_C * P_X).log()), torch.zeros((), dtype=torch.float64))


def test_categories_that_hold_still_under_motion_keep_what_they_say_of_an_image() -> None:
    """Sure of every image and unmoved, they keep the entropy of their use: log k at most."""
    use = torch.tensor([0, 0, 0, 1, 1, 2])
    sure = (one_hot(use, 3) + 1e-12).log()
    share = torch.tensor([3, 2, 1], dtype=torch.float64) / 6
    assert_close(information(log_joint(sure, sure)), -(share * share.log()).sum())
    alike = (one_hot(torch.arange(6) % 3, 3) + 1e-12).log()
    assert_close(information(log_joint(alike, alike)).item(), math.log(3))
    # Half of one category's images go over to another when they move.
    moved = (one_hot(torch.tensor([0, 0, 0, 1, 2, 2]), 3) + 1e-12).log()
    P = torch.tensor([[6, 0, 0], [0, 2, 1], [0, 1, 2]], dtype=torch.float64) / 12
    P_k = P.sum(0)
    assert_close(information(log_joint(sure, moved)), torch.special.xlogy(P, P / torch.outer(P_k, P_k)).sum())


@settings(deadline=None)
@given(seed=seeds)
def test_the_information_that_is_kept_has_bounds_and_no_order(seed: int) -> None:
    log_p, log_p_moved = (4 * randn(50, 7, seed=seed + i).log_softmax(dim=1) for i in range(2))
    log_p, log_p_moved = log_p.log_softmax(1), log_p_moved.log_softmax(1)
    kept = information(log_joint(log_p, log_p_moved))
    assert 0 <= kept <= math.log(7)
    assert_close(kept, information(log_joint(log_p_moved, log_p)))
    order = torch.randperm(7, generator=torch.Generator().manual_seed(seed))
    assert_close(kept, information(log_joint(log_p[:, order], log_p_moved[:, order])))


def test_the_information_that_is_kept_has_a_finite_gradient_where_q_is_sure() -> None:
    """Of logits as large as float32 knows no more of their smallest probabilities."""
    logits = torch.tensor([[300.0, 0.0], [0.0, 300.0], [300.0, 0.0]], requires_grad=True)
    moved = torch.tensor([[0.0, 300.0], [0.0, 300.0], [300.0, 0.0]])
    information(log_joint(logits.log_softmax(1), moved.log_softmax(1))).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    q = randn(6, 3, seed=1).requires_grad_()
    other = randn(6, 3, seed=2).log_softmax(1)
    assert torch.autograd.gradcheck(lambda q: information(log_joint(q.log_softmax(1), other)), (q,))


def test_l_i_of_kinds_is_that_of_codes_where_each_image_is_sure_of_its_kind() -> None:
    """Eq. (5) with k for c: the same number as of a code's samples, and log k at most."""
    c, q = one_hot(torch.arange(12) % 4, 4), randn(12, 4)
    assert_close(kind_bound(c, q.log_softmax(1)), info_bound([Categorical(4)], [c], [q])[0])
    assert_close(kind_bound(c, (50 * c).log_softmax(1)).item(), math.log(4))


def test_l_i_of_kinds_is_highest_at_the_law_that_was_found() -> None:
    p, other = randn(6, 3, seed=1).softmax(1), randn(6, 3, seed=2).softmax(1)
    best = kind_bound(p, p.log())
    entropy = -(p * p.log()).sum(dim=1).mean()
    assert_close(best, math.log(3) - entropy)
    assert kind_bound(p, other.log()) < best
