"""Each kind of latent code against its own distributions: P(c), H(c) and Q(c|x)."""

import math

import pytest
import scipy.stats
import torch
from torch import Tensor
from torch.distributions import Bernoulli as BernoulliDistribution
from torch.distributions import Normal, OneHotCategorical, VonMises
from torch.testing import assert_close

from infogan.method.codes import MIN_STD, Bernoulli, Categorical, Circular, Code, Gaussian, Uniform

CODES: dict[str, Code] = {
    "cat-2": Categorical(2),
    "cat-10": Categorical(10),
    "cat-unequal": Categorical(3, (0.6, 0.3, 0.1)),
    "unif": Uniform(),
    "unif-fixed": Uniform(fixed_std=1.0),
    "gauss": Gaussian(),
    "gauss-fixed": Gaussian(fixed_std=1.0),
    "bern": Bernoulli(),
    "circ": Circular(),
}
REAL = {"unif": Uniform, "gauss": Gaussian}

each_code = pytest.mark.parametrize("code", CODES.values(), ids=CODES.keys())
each_real = pytest.mark.parametrize("kind", REAL.values(), ids=REAL.keys())


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def samples(code: Code, n: int) -> tuple[Tensor, Tensor]:
    """Draws c ~ P(c), and outputs of a Q that does not know them, in float64."""
    q = 2 * torch.randn(n, code.n_params, generator=seeded(1), dtype=torch.float64)
    return code.embed(code.sample_value(n, seeded()).double()), q


@each_code
def test_samples_have_the_shape_of_gs_input(code: Code) -> None:
    assert code.sample(7, seeded()).shape == (7, code.width)
    assert code.sample_value(7, seeded()).shape == (7,)
    assert code.sample(0, seeded()).shape == (0, code.width)


@each_code
def test_the_seed_decides_the_samples(code: Code) -> None:
    assert torch.equal(code.sample(50, seeded(3)), code.sample(50, seeded(3)))
    assert not torch.equal(code.sample(50, seeded(3)), code.sample(50, seeded(4)))


@each_code
def test_the_mean_of_minus_log_p_is_the_entropy(code: Code) -> None:
    """H(c) = E[-log P(c)]."""
    minus_log_p = -code.log_prob(code.sample(20_000, seeded()).double())
    H_c = torch.tensor(code.entropy(), dtype=torch.float64)
    if isinstance(code, Gaussian) or code == CODES["cat-unequal"]:  # the priors that are not uniform
        z = (minus_log_p.mean() - H_c) / (minus_log_p.std() / math.sqrt(len(minus_log_p)))
        assert z.abs() < 5
    else:
        assert_close(minus_log_p, H_c.expand(len(minus_log_p)))


@each_code
def test_a_q_that_does_not_know_the_code_is_no_better_than_the_prior(code: Code) -> None:
    """E[log Q(c)] <= E[log P(c)] = -H(c) for c ~ P(c), by Gibbs' inequality."""
    c = code.sample(20_000, seeded()).double()
    for seed in range(10):
        q = torch.randn(1, code.n_params, generator=seeded(seed), dtype=torch.float64)
        gain = code.log_q(c, q.expand(len(c), -1)) - code.log_prob(c)
        assert gain.mean() < 5 * gain.std() / math.sqrt(len(c))


@each_code
def test_log_q_of_a_batch_is_that_of_its_parts(code: Code) -> None:
    c, q = samples(code, 9)
    parts = [code.log_q(c[s], q[s]) for s in (slice(0, 4), slice(4, 9))]
    assert_close(torch.cat(parts), code.log_q(c, q))


@each_code
def test_decoded_values_can_be_embedded_again(code: Code) -> None:
    c, q = samples(code, 9)
    value, spread = code.decode(q)
    assert value.shape == spread.shape == (9,)
    assert (spread >= 0).all()
    embedded = code.embed(value)
    assert embedded.shape == c.shape
    assert embedded.dtype == q.dtype


@each_code
def test_the_decoded_value_is_the_most_likely_one(code: Code) -> None:
    c, q = samples(code, 500)
    assert (code.log_q(code.embed(code.decode(q).value), q) >= code.log_q(c, q) - 1e-9).all()


@pytest.mark.parametrize("k", [2, 10])
def test_categorical_log_q_is_that_of_a_softmax(k: int) -> None:
    c, q = samples(Categorical(k), 100)
    assert_close(Categorical(k).log_q(c, q), OneHotCategorical(logits=q).log_prob(c))


@each_real
def test_real_log_q_is_that_of_a_normal(kind: type[Uniform] | type[Gaussian]) -> None:
    c, q = samples(kind(), 100)
    normal = Normal(q[:, 0], q[:, 1].exp() + MIN_STD)
    assert_close(kind().log_q(c, q), normal.log_prob(c[:, 0]))


@each_real
def test_a_fixed_std_ignores_the_second_output(kind: type[Uniform] | type[Gaussian]) -> None:
    code = kind(fixed_std=1.0)
    c, q = samples(code, 100)
    assert_close(code.log_q(c, q), Normal(q[:, 0], 1.0).log_prob(c[:, 0]))
    q.requires_grad_()
    (gradient,) = torch.autograd.grad(code.log_q(c, q).sum(), q)
    assert_close(gradient[:, 0], c[:, 0] - q.detach()[:, 0])
    assert (gradient[:, 1] == 0).all()


@each_real
def test_min_std_is_the_smallest_standard_deviation(kind: type[Uniform] | type[Gaussian]) -> None:
    """However certain Q is, its density at c is at most that of `min_std`."""
    log_std = torch.linspace(-200, 3, 50, dtype=torch.float64)
    q = torch.stack([torch.zeros_like(log_std), log_std], dim=1)
    code = kind(min_std=0.3)
    assert (code.decode(q).spread >= 0.3).all()
    ceiling = Normal(0.0, 0.3).log_prob(torch.zeros(())).double()
    log_q = code.log_q(q[:, :1], q)
    assert_close(log_q.max().float(), ceiling.float())
    assert (log_q.diff() <= 0).all()


def test_bernoulli_log_q_is_that_of_a_sigmoid() -> None:
    c, q = samples(Bernoulli(), 100)
    assert_close(Bernoulli().log_q(c, q), BernoulliDistribution(logits=q[:, 0]).log_prob(c[:, 0]))


def test_a_bernoulli_is_a_categorical_of_two() -> None:
    c, q = samples(Bernoulli(), 100)
    two = Categorical(2).log_q(torch.cat([1 - c, c], 1), torch.cat([torch.zeros_like(q), q], 1))
    assert_close(Bernoulli().log_q(c, q), two)


@pytest.mark.parametrize("scale", [0.1, 1.0, 100.0, 1e5])
def test_circular_log_q_is_that_of_a_von_mises(scale: float) -> None:
    c, q = samples(Circular(), 100)
    q = scale * q
    angle, mean = torch.atan2(c[:, 1], c[:, 0]), torch.atan2(q[:, 1], q[:, 0])
    length = q.norm(dim=1)
    kappa = length / (1 + MIN_STD**2 * length)
    log_q = Circular().log_q(c, q)
    oracle = scipy.stats.vonmises.logpdf(angle, kappa, loc=mean)
    assert_close(log_q, torch.from_numpy(oracle))
    # PyTorch's own I0 is a polynomial in single precision.
    assert_close(log_q.float(), VonMises(mean, kappa).log_prob(angle).float())


def test_the_concentration_of_a_circular_code_is_at_most_1_over_min_std_squared() -> None:
    """The density at the mean grows with kappa, so it shows kappa."""
    code, mode = Circular(min_std=0.1), torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    ceiling = scipy.stats.vonmises.logpdf(0.0, 1 / 0.1**2)
    length = torch.logspace(-3, 6, 60, dtype=torch.float64)[:, None]
    log_q = code.log_q(mode.expand(60, 2), length * mode)
    assert (log_q < ceiling).all()
    assert (log_q.diff() > 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_circular_code_has_a_finite_gradient_if_q_knows_nothing(dtype: torch.dtype) -> None:
    """At q = 0, Q is the prior, and the gradient of log Q is c itself."""
    c = Circular().sample(8, seeded()).to(dtype)
    q = torch.zeros(8, 2, dtype=dtype, requires_grad=True)
    log_q = Circular().log_q(c, q)
    assert_close(log_q.detach(), Circular().log_prob(c))
    (gradient,) = torch.autograd.grad(log_q.sum(), q)
    assert_close(gradient, c)


def test_an_angle_survives_embedding_and_decoding() -> None:
    angle = Circular().sample_value(100, seeded()).double()
    assert_close(Circular().decode(5 * Circular().embed(angle)).value, angle)


def test_the_spread_of_a_discrete_code_is_the_probability_of_being_wrong() -> None:
    _, q = samples(Categorical(5), 100)
    assert_close(Categorical(5).decode(q).spread, 1 - q.softmax(dim=1).amax(dim=1))
    _, q = samples(Bernoulli(), 100)
    p = q[:, 0].sigmoid()
    assert_close(Bernoulli().decode(q).spread, torch.minimum(p, 1 - p))


@each_code
def test_log_categories_is_log_q_of_every_value(code: Code) -> None:
    q = torch.randn(5, code.n_params, generator=seeded())
    found = code.log_categories(q)
    if code.categories is None:
        assert found is None
        return
    assert found is not None
    assert_close(found.exp().sum(dim=1), torch.ones(5))
    of_each = [code.log_q(code.embed(torch.full((5,), float(k))), q) for k in range(code.categories)]
    assert_close(found, torch.stack(of_each, dim=1))


def test_samples_stay_in_the_range_of_their_prior() -> None:
    assert Uniform().sample(5000, seeded()).abs().max() <= 1
    assert Uniform().log_prob(torch.tensor([[1.01]])).item() == -math.inf
    assert_close(Circular().sample(5000, seeded()).norm(dim=1), torch.ones(5000))
    assert Bernoulli().sample(5000, seeded()).unique().tolist() == [0, 1]
    assert Categorical(4).sample(5000, seeded()).sum(dim=1).unique().tolist() == [1]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (Categorical(4), [0, 1, 2, 3]),
        (Bernoulli(), [0, 1]),
        (Uniform(), [-2, -2 / 3, 2 / 3, 2]),
        (Gaussian(), [-2, -2 / 3, 2 / 3, 2]),
        (Circular(), [0, 0.5 * math.pi, math.pi, 1.5 * math.pi]),
    ],
)
def test_a_sweep_visits_every_category_or_goes_from_low_to_high_or_around(
    code: Code, expected: list[float]
) -> None:
    assert code.sweep(4, -2.0, 2.0).tolist() == pytest.approx(expected)
    assert code.categories == (len(expected) if code.kind == "category" else None)


def test_unequal_categories_come_with_their_shares() -> None:
    """H(c) is that of SciPy, and a category of probability 0 never comes."""
    code = Categorical(4, (0.5, 0.0, 0.4, 0.1))
    assert code.entropy() == pytest.approx(scipy.stats.entropy([0.5, 0.4, 0.1]))
    n, values = 20_000, code.sample_value(20_000, seeded())
    counts = torch.bincount(values.long(), minlength=4).tolist()
    assert counts[1] == 0
    assert scipy.stats.chisquare(counts[:1] + counts[2:], [0.5 * n, 0.4 * n, 0.1 * n]).pvalue > 1e-3
