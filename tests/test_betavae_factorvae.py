"""Batches of images that share a factor: which code varies least in them, and how their pairs differ."""

import math
from collections import Counter

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from infogan.evaluation.disentanglement.betavae_factorvae import (
    betavae,
    code_distances,
    code_variances,
    factorvae,
    sample_batches,
)
from infogan.evaluation.disentanglement.codes_and_factors import CodesAndFactors
from infogan.method.codes import Kind

from_arrays = CodesAndFactors.from_arrays
N = 3000
KINDS: tuple[Kind, ...] = ("number", "category", "angle")


def draw(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def independent(*sizes: int, n: int = N) -> np.ndarray:
    return np.stack([draw(i).integers(0, k, n) for i, k in enumerate(sizes)], axis=1)


def both(pairs: CodesAndFactors, seed: int = 0) -> tuple[float, float]:
    fit, test = pairs.train_test_split()
    return factorvae(fit, test, draw(seed))["factorvae"], betavae(fit, test, draw(seed))["betavae"]


def mixed() -> CodesAndFactors:
    """A noisy code of each kind, for three of four factors."""
    factors, rng = independent(4, 5, 6, 3), draw(9)
    number = factors[:, 0] + rng.normal(0, 1.0, N)
    category = np.where(rng.random(N) < 0.4, factors[:, 1], rng.integers(0, 5, N))
    angle = factors[:, 2] * math.pi / 3 + rng.normal(0, 1.2, N)
    return from_arrays(np.stack([number, category, angle % (2 * math.pi)], axis=1), factors, KINDS)


def variance(kind: Kind, v: np.ndarray) -> float:
    """As the definition has it: over every pair, in both orders."""
    a, b = v[:, None], v[None, :]
    apart = {"number": (a - b) ** 2, "category": 1.0 * (a != b), "angle": 1 - np.cos(a - b)}[kind]
    return float(apart.sum() / (2 * len(v) * (len(v) - 1)))


def test_variances_are_sums_over_pairs() -> None:
    pairs = mixed()
    rows = draw().integers(len(pairs), size=(3, 2, 30))
    found = code_variances(pairs.columns[rows], pairs.code_of_column, KINDS)
    for batch in np.ndindex(3, 2):
        expected = [variance(kind, pairs.codes[rows[batch], j]) for j, kind in enumerate(KINDS)]
        np.testing.assert_allclose(found[batch], expected)
    assert found[0, 0, 0] == pytest.approx(pairs.codes[rows[0, 0], 0].var(ddof=1))


def test_variance_of_a_category_and_an_angle_by_hand() -> None:
    columns = np.array([[1.0, 0, 1, 0], [1, 0, -1, 0], [0, 1, 0, 1], [0, 1, 0, -1]])
    found = code_variances(columns, np.array([0, 0, 1, 1]), ("category", "angle"))
    # Four of six pairs differ; two pairs of angles are opposite, and four at right angles.
    np.testing.assert_allclose(found, [2 * 4 / 24, 2 * (2 * 2 + 4 * 1) / 24])


def test_distances_by_hand() -> None:
    a = np.array([[1.5, 3, 0.1], [2.0, 0, 1.0]])
    b = np.array([[-1.0, 3, 2 * math.pi - 0.1], [2.0, 4, 1.0 + 3 * math.pi]])
    np.testing.assert_allclose(code_distances(a, b, KINDS), [[2.5, 0, 0.2], [0, 1, math.pi]], atol=1e-12)


def test_companions_share_the_value_and_are_drawn_evenly() -> None:
    factors = np.stack([np.repeat([0, 1, 2], [10, 20, 70]), np.arange(100) % 2], axis=1)
    factors = factors[draw().permutation(100)]
    batches = list(sample_batches(factors, 3125, 64, draw()))
    factor, first, found = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    assert first.shape == found.shape == (3125, 64)
    for j in (0, 1):
        v, of_factor = factors[:, j], factor == j
        np.testing.assert_array_equal(v[found[of_factor]], v[first[of_factor]])
        counts = np.bincount(found[of_factor].ravel(), minlength=100)  # as many as there are of its own value
        expected = of_factor.sum() * 64 / 100
        assert (np.abs(counts - expected) < 5 * math.sqrt(expected * 2)).all()
    assert (found == first).any()
    (_, repeated, found), *_ = sample_batches(factors, 10, 1, draw())
    assert (repeated == repeated[:, :1]).all()
    assert (found != found[:, :1]).any()


def loop_factorvae(fit: CodesAndFactors, test: CodesAndFactors, fit_votes: int, test_votes: int) -> float:
    rng = draw(5)
    of_all = [variance(kind, v) for kind, v in zip(fit.kinds, fit.codes.T, strict=True)]

    def vote(part: CodesAndFactors) -> tuple[int, int]:
        factor = int(rng.integers(part.factors.shape[1]))
        value = part.factors[rng.integers(len(part)), factor]
        alike = [i for i in range(len(part)) if part.factors[i, factor] == value]
        batch = part.codes[rng.choice(alike, 64)]
        ratios = [variance(kind, batch[:, j]) / of_all[j] for j, kind in enumerate(part.kinds)]
        return ratios.index(min(ratios)), factor

    votes: dict[int, Counter[int]] = {j: Counter() for j in range(len(fit.kinds))}
    for _ in range(fit_votes):
        code, factor = vote(fit)
        votes[code][factor] += 1
    stands_for = {code: counter.most_common(1)[0][0] for code, counter in votes.items()}
    tested = [vote(test) for _ in range(test_votes)]
    return float(np.mean([stands_for[code] == factor for code, factor in tested]))


def loop_betavae(fit: CodesAndFactors, test: CodesAndFactors, fit_points: int, test_points: int) -> float:
    rng = draw(6)

    def far(kind: Kind, a: float, b: float) -> float:
        match kind:
            case "number":
                return abs(a - b)
            case "category":
                return float(a != b)
            case "angle":
                return math.acos(max(-1.0, min(1.0, math.cos(a - b))))

    def points(part: CodesAndFactors, n: int) -> tuple[np.ndarray, list[int]]:
        values, truth = part.codes.tolist(), part.factors.tolist()
        alike = [
            [np.flatnonzero(v == value).tolist() for value in range(v.max() + 1)] for v in part.factors.T
        ]
        features, shared = np.zeros((n, len(part.kinds))), []
        for i in range(n):
            factor = int(rng.integers(len(alike)))
            for first, place in zip(rng.integers(len(part), size=64), rng.random((64, 2)), strict=True):
                same = alike[factor][truth[first][factor]]
                a, b = (values[same[int(p * len(same))]] for p in place)
                for j, kind in enumerate(part.kinds):
                    features[i, j] += far(kind, a[j], b[j]) / 64
            shared.append(factor)
        return features, shared

    return float(LogisticRegression().fit(*points(fit, fit_points)).score(*points(test, test_points)))


def agree(fast: float, fast_n: int, slow: float, slow_n: int) -> bool:
    return abs(fast - slow) < 4 * math.sqrt(slow * (1 - slow) * (1 / fast_n + 1 / slow_n))


def test_scores_are_those_of_the_definition_in_loops() -> None:
    pairs = mixed()
    fit, test = pairs.train_test_split()
    factor_score, beta_score = both(pairs)
    assert 0.5 < factor_score < 0.9  # so the next lines say something
    assert 0.5 < beta_score < 0.95
    assert agree(factor_score, 5000, loop_factorvae(fit, test, 500, 1000), 1000)
    assert agree(beta_score, 5000, loop_betavae(fit, test, 1000, 1000), 1000)


def test_each_pair_has_a_value_of_its_own() -> None:
    """A code whose spread is the factor's: a batch of one value would tell itself by it."""
    factors = independent(2, 2)
    spread = np.where(factors[:, 0] == 0, 1.0, 3.0)
    pairs = from_arrays((spread * draw(3).normal(size=N))[:, None], factors)
    _, found = both(pairs)
    assert agree(found, 5000, loop_betavae(*pairs.train_test_split(), 1500, 1500), 1500)


def test_a_value_is_drawn_as_often_as_images_have_it() -> None:
    """Nine in ten batches that share the first factor silence the first code; the rest, the second."""
    rare, other = (draw(1).random(N) < 0.1).astype(int), draw(2).integers(0, 4, N)
    silent = np.where(rare == 1, draw(3).normal(size=N), 0.0)
    pairs = from_arrays(
        np.stack([silent, other + draw(4).normal(0, 0.1, N)], axis=1), np.stack([rare, other], axis=1)
    )
    assert both(pairs)[0] == pytest.approx(0.95, abs=0.02)


FOUR = independent(3, 4, 5, 6)
ONE_CODE_A_FACTOR = {
    "as they are": FOUR[:, [2, 0, 3, 1]],
    "another unit": -50 * FOUR,
    "twice": np.tile(FOUR, 2),
    "beside a constant": np.insert(FOUR, 1, 7, axis=1),
}


@pytest.mark.parametrize("codes", ONE_CODE_A_FACTOR.values(), ids=ONE_CODE_A_FACTOR)
def test_one_code_a_factor_is_best(codes: np.ndarray) -> None:
    assert both(from_arrays(codes, FOUR)) == (1, 1)


@pytest.mark.parametrize("scale", [1.0, -50.0])
def test_noise_is_at_chance(scale: float) -> None:
    noise = from_arrays(scale * draw().normal(size=(N, 4)), FOUR)
    assert both(noise) == pytest.approx((0.25, 0.25), abs=0.04)


def test_a_rotation_is_at_chance() -> None:
    factors = independent(4, 4)
    rotated = factors @ np.array([[1, -1], [1, 1]]) / math.sqrt(2)
    assert both(from_arrays(rotated, factors)) == pytest.approx((0.5, 0.5), abs=0.04)


def test_one_code_tells_two_factors_by_its_silence_to_betavae_alone() -> None:
    """Kim and Mnih's first objection to Higgins's score: K - 1 codes do for K factors."""
    factors = independent(4, 4)
    assert both(from_arrays(factors[:, :1].astype(float), factors)) == (pytest.approx(0.5, abs=0.03), 1.0)


def test_codes_that_hardly_vary_have_no_vote() -> None:
    factors = independent(3, 4)
    codes = factors - factors.mean(axis=0)
    codes /= codes.std(axis=0, ddof=1)
    assert both(from_arrays(0.045 * codes, factors))[0] == 0
    assert both(from_arrays(0.055 * codes, factors))[0] == 1
    quiet = np.array([1.0, 0.045])
    assert both(from_arrays(quiet * codes, factors))[0] == pytest.approx(0.5, abs=0.03)


def test_a_constant_code_changes_nothing() -> None:
    factors = independent(3, 4)
    assert both(from_arrays(np.full((N, 1), 7.0), factors)) == (0.0, pytest.approx(0.5, abs=0.03))
    kinds: tuple[Kind, ...] = ("category", "angle")
    assert both(from_arrays(np.zeros((N, 2)), factors, kinds)) == (0.0, pytest.approx(0.5, abs=0.03))


def test_fit_sets_the_scale_and_learns_and_test_is_scored() -> None:
    factors = independent(3, 4)
    fit, same = from_arrays(factors.astype(float), factors).train_test_split()
    quiet, _ = from_arrays(0.01 * factors, factors).train_test_split()
    _, noise = from_arrays(draw().normal(size=(N, 2)), factors).train_test_split()
    _, swapped = from_arrays(factors[:, ::-1].astype(float), factors).train_test_split()
    for test, expected in ((same, 1.0), (noise, pytest.approx(0.5, abs=0.05)), (swapped, 0.0)):
        assert factorvae(fit, test, draw())["factorvae"] == expected
        assert betavae(fit, test, draw())["betavae"] == expected
    assert factorvae(quiet, same, draw())["factorvae"] == 0


def test_a_single_factor_is_known_beforehand() -> None:
    noise = draw().normal(size=(N, 2))
    assert both(from_arrays(noise, independent(5))) == (1.0, 1.0)


def test_a_factor_constant_in_a_part_is_not_asked_for() -> None:
    factors = independent(3, 4)
    whole = from_arrays(factors.astype(float), factors)
    fit, test = whole.train_test_split()
    one = fit.take(np.flatnonzero(fit.factors[:, 0] == 2))
    for a, b in ((one, test), (fit, test.take(np.flatnonzero(test.factors[:, 0] == 2)))):
        assert factorvae(a, b, draw()) == {"factorvae": 1.0}
        assert betavae(a, b, draw()) == {"betavae": 1.0}
    none = one.take(np.flatnonzero(one.factors[:, 1] == 1))
    assert factorvae(none, test, draw()) == {"factorvae": 0.0}
    assert betavae(none, test, draw()) == {"betavae": 0.0}


def test_a_value_that_fit_never_showed_is_asked_for_all_the_same() -> None:
    factors = independent(3, 4)
    fit, test = from_arrays(factors.astype(float), factors).train_test_split()
    fewer = fit.take(np.flatnonzero(fit.factors[:, 0] > 0))
    assert factorvae(fewer, test, draw()) == {"factorvae": 1.0}
    assert betavae(fewer, test, draw()) == {"betavae": 1.0}
