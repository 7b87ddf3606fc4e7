"""The strength between codes and factors: its named special cases, its limits, its interval."""

import math

import numpy as np
import pytest
from scipy.stats import chi2_contingency, spearmanr
from scipy.stats.contingency import association as scipy_association

from infogan.data import Factor, Factors
from infogan.evaluation.disentanglement.association import (
    association_scores,
    code_factor_association,
    strongest_codes,
)
from infogan.evaluation.score import Score
from infogan.method.codes import Categorical, Circular, Code, Uniform

RNG = np.random.default_rng(0)
N = 500
CATEGORY = RNG.integers(0, 4, N).astype(float)
OTHER = np.where(RNG.random(N) < 0.6, CATEGORY // 2, RNG.integers(0, 3, N))
NUMBER = RNG.normal(size=N) + CATEGORY
SECOND = np.exp(NUMBER) + RNG.normal(size=N)
ANGLE = RNG.uniform(0, 2 * math.pi, N)


def strength(code: Code, v: np.ndarray, kind: str, f: np.ndarray) -> float:
    factors = Factors((Factor("f", kind),), f[:, None].astype(float))  # type: ignore[arg-type]
    return float(code_factor_association(v[:, None].astype(float), [code], factors)[0, 0])


def test_two_numbers_give_spearman() -> None:
    expected = abs(spearmanr(NUMBER, SECOND).statistic)
    assert strength(Uniform(), NUMBER, "number", SECOND) == pytest.approx(expected)
    assert strength(Uniform(), -NUMBER, "number", SECOND) == pytest.approx(expected)


def test_two_categories_give_cramers_v() -> None:
    table = np.zeros((4, 3), int)
    np.add.at(table, (CATEGORY.astype(int), OTHER.astype(int)), 1)
    expected = scipy_association(table, method="cramer")
    assert strength(Categorical(4), CATEGORY, "category", OTHER) == pytest.approx(expected)
    chi2 = chi2_contingency(table, correction=False).statistic
    assert expected == pytest.approx(math.sqrt(chi2 / N / 2))


def test_category_and_number_give_the_correlation_ratio() -> None:
    ranks = NUMBER.argsort().argsort()
    means = np.array([ranks[np.equal(CATEGORY, k)].mean() for k in range(4)])
    expected = np.sqrt(means[CATEGORY.astype(int)].var() / ranks.var())
    assert strength(Categorical(4), CATEGORY, "number", NUMBER) == pytest.approx(expected)
    assert strength(Uniform(), NUMBER, "category", CATEGORY) == pytest.approx(expected)


def test_angle_and_number_give_mardias_correlation() -> None:
    number = np.cos(ANGLE - 1) + RNG.normal(size=N)
    ranks = number.argsort().argsort()
    rc, rs = (np.corrcoef(ranks, f(ANGLE))[0, 1] for f in (np.cos, np.sin))
    rcs = np.corrcoef(np.cos(ANGLE), np.sin(ANGLE))[0, 1]
    expected = math.sqrt((rc**2 + rs**2 - 2 * rc * rs * rcs) / (1 - rcs**2))
    assert strength(Uniform(), number, "angle", ANGLE) == pytest.approx(expected)


@pytest.mark.parametrize("turn", [0.0, 2.0])
@pytest.mark.parametrize("sense", [1, -1])
def test_an_angle_turned_or_mirrored_is_followed_wholly(turn: float, sense: int) -> None:
    assert strength(Circular(), sense * ANGLE + turn, "angle", ANGLE) == pytest.approx(1)
    noisy = ANGLE + RNG.normal(size=N) * 0.5
    assert 0.7 < strength(Circular(), noisy, "angle", ANGLE) < 0.95


@pytest.mark.parametrize(
    ("code", "v"), [(Uniform(), NUMBER), (Categorical(4), CATEGORY), (Circular(), ANGLE)]
)
@pytest.mark.parametrize("kind", ["number", "category", "angle"])
def test_nothing_goes_with_what_is_independent_or_constant(code: Code, v: np.ndarray, kind: str) -> None:
    apart = np.random.default_rng(1).integers(0, 3, N).astype(float)
    assert strength(code, v, kind, apart) < 0.15
    assert strength(code, v, kind, np.ones(N)) == 0
    assert strength(code, np.ones(N), kind, apart) == 0


@pytest.mark.parametrize("k", [2, 5])
def test_a_permuted_category_is_followed_wholly(k: int) -> None:
    factor = RNG.integers(0, k, N)
    assert strength(Categorical(k), RNG.permutation(k)[factor], "category", factor) == pytest.approx(1)


def test_strongest_code_of_each_factor() -> None:
    def score(value: float) -> Score:
        return Score(value=value, low=value, high=value, protocol="", resamples=[])

    scores = {
        "nmi_c1": score(1.0),
        "association_c1_seat_height": score(0.2),
        "association_c2_seat_height": score(0.7),
        "association_c1_light": score(0.9),
        "association_c2_light": score(0.1),
    }
    found = strongest_codes(scores)
    assert list(found) == ["light", "seat_height"]
    assert found["seat_height"] == {"code": "c2", "score": score(0.7)}


def test_every_pair_has_a_score_with_its_interval() -> None:
    factors = Factors((Factor("one", "number"), Factor("two", "category")), np.stack([SECOND, OTHER], axis=1))
    scores = association_scores(
        np.stack([NUMBER, CATEGORY], axis=1), ("c1", "c2"), (Uniform(), Categorical(4)), factors
    )
    assert list(scores) == [f"association_{c}_{f}" for c in ("c1", "c2") for f in ("one", "two")]
    for score in scores.values():
        assert 0 < score["low"] < score["value"] < score["high"] < 1
    assert "Spearman" in scores["association_c1_one"]["protocol"]
    assert "Cramér" in scores["association_c2_two"]["protocol"]
