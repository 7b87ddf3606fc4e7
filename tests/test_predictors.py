"""Scores by predictors: DCI, SAP and explicitness, against slow computations and at their limits."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.ensemble import RandomForestClassifier
from sklearn.svm import LinearSVC

from infogan.evaluation.disentanglement.codes_and_factors import CodesAndFactors
from infogan.evaluation.disentanglement.predictors import (
    best_gap,
    completeness,
    dci_forest,
    dci_lasso,
    disentanglement,
    explicitness,
    sap,
)
from infogan.method.codes import Kind

from_arrays = CodesAndFactors.from_arrays
Function = Callable[[CodesAndFactors, CodesAndFactors, np.random.Generator], dict[str, float]]
FUNCTIONS: list[Function] = [dci_forest, dci_lasso, sap, explicitness]
SIZES = (3, 4, 5)
CHANCE = float(np.mean([1 / k for k in SIZES]))
KINDS: tuple[Kind, ...] = ("category", "number", "angle", "number")

RNG = np.random.default_rng(0)
N = 1500
FACTORS = np.stack([RNG.integers(0, k, N) for k in SIZES], axis=1)
ANGLE = FACTORS[:, 2] * 2 * math.pi / 5


def noisy() -> CodesAndFactors:
    """A category, a number and an angle that follow a factor each, in part, and a number that follows two."""
    rng = np.random.default_rng(1)
    category = np.where(rng.random(N) < 0.7, FACTORS[:, 0], rng.integers(0, 3, N))
    values = np.stack(
        [
            category,
            FACTORS[:, 1] + rng.normal(size=N) * 0.4,
            (ANGLE + rng.normal(size=N) * 0.3) % (2 * math.pi),
            0.5 * FACTORS[:, 1] + FACTORS[:, 2] + rng.normal(size=N),
        ],
        axis=1,
    )
    return from_arrays(values, FACTORS, KINDS)


NOISY = noisy()
IDENTITY = from_arrays(FACTORS.astype(float), FACTORS, ("category",) * 3)


def scores(pairs: CodesAndFactors, seed: int = 0) -> dict[str, float]:
    """Every score; each a number in [0, 1]."""
    fit, test = pairs.train_test_split()
    found: dict[str, float] = {}
    for function in FUNCTIONS:
        found |= function(fit, test, np.random.default_rng(seed))
    assert all(0 <= value <= 1 for value in found.values()), found
    return found


def columns(pairs: CodesAndFactors, i: int) -> np.ndarray:
    """What a predictor is given of code i, made anew from the values."""
    v = pairs.codes[:, i]
    match pairs.kinds[i]:
        case "category":
            return np.stack([np.equal(v, k) for k in range(int(NOISY.codes[:, i].max()) + 1)], axis=1) * 1.0
        case "angle":
            return np.stack([np.cos(v), np.sin(v)], axis=1)
        case _:
            return v[:, None]


def all_columns(pairs: CodesAndFactors) -> np.ndarray:
    return np.concatenate([columns(pairs, i) for i in range(4)], axis=1)


def standard(x: np.ndarray, like: np.ndarray) -> np.ndarray:
    return (x - like.mean(axis=0)) / like.std(axis=0)


def test_importances_by_hand() -> None:
    R = np.array([[3.0, 1.0], [0.0, 0.0], [1.0, 3.0], [0.0, 4.0]])
    bit = -(0.75 * math.log2(0.75) + 0.25 * math.log2(0.25))
    assert disentanglement(R) == pytest.approx(1 / 3 * (1 - bit) * 2 + 1 / 3 * 1)
    second = (1 / 8) * math.log(8, 4) + (3 / 8) * math.log(8 / 3, 4) + (1 / 2) * math.log(2, 4)
    assert completeness(R) == pytest.approx(1 / 3 * (1 - bit / 2) + 2 / 3 * (1 - second))


def test_importances_by_loops() -> None:
    R = np.random.default_rng(0).random((5, 3)) ** 3
    R[1] = 0
    R[2, 0] = 0

    def slow(R: list[list[float]]) -> float:
        value = 0.0
        for row in R:
            shares = [r / sum(row) for r in row] if sum(row) else []
            H = -sum(p * math.log(p) / math.log(len(row)) for p in shares if p)
            value += sum(row) / sum(map(sum, R)) * (1 - H)
        return value

    assert disentanglement(R) == pytest.approx(slow(R.tolist()))
    assert completeness(R) == pytest.approx(slow(R.T.tolist()))
    assert 0 < disentanglement(R) < completeness(R) < 1 or 0 < completeness(R) < disentanglement(R) < 1


@pytest.mark.parametrize(
    ("R", "D", "C"),
    [
        (np.eye(4), 1, 1),
        (np.ones((4, 3)), 0, 0),
        (np.zeros((4, 3)), 0, 0),
        (np.repeat(np.eye(3), 2, axis=0), 1, 1 - math.log(2, 6)),
        (np.repeat(np.eye(3), 2, axis=1), 1 - math.log(2, 6), 1),
        (np.ones((3, 1)), 1, 0),
        (np.ones((1, 3)), 0, 1),
        (np.zeros((1, 1)), 0, 0),
    ],
)
def test_importances_at_their_limits(R: np.ndarray, D: float, C: float) -> None:
    assert disentanglement(R) == pytest.approx(D, abs=1e-12)
    assert completeness(R) == pytest.approx(C, abs=1e-12)


def test_importances_never_leave_their_range_by_rounding() -> None:
    for rows in range(2, 40):
        R = np.zeros((rows, 3))
        R[np.arange(rows), np.arange(rows) % 3] = np.random.default_rng(rows).random(rows)
        assert disentanglement(R) == completeness(R.T) == 1
        assert 0 <= disentanglement(np.full((rows, 3), 0.1)) < 1e-12


def test_gap_by_hand() -> None:
    assert best_gap([0.9, 0.2, 0.6], 0.8) == pytest.approx(0.3)
    assert best_gap([0.3, 0.35, 0.35], 0.1) == 0
    assert best_gap([0.9], 0.8) == pytest.approx(0.1)
    assert best_gap([0.3], 0.4) == 0


def test_forest_is_the_plain_one() -> None:
    fit, test = NOISY.train_test_split()
    draw = np.random.default_rng(7)
    R, right = np.zeros((4, 3)), []
    parts = [columns(fit, i) for i in range(4)]
    for j in range(3):
        forest = RandomForestClassifier(
            10, min_samples_leaf=20, max_features=None, random_state=int(draw.integers(2**31))
        ).fit(all_columns(fit), fit.factors[:, j])
        left = list(forest.feature_importances_)
        for i, part in enumerate(parts):
            R[i, j] = sum(left.pop(0) for _ in range(part.shape[1]))
        guess = forest.predict(all_columns(test))
        right.append(np.mean(guess == test.factors[:, j]))
    found = dci_forest(fit, test, np.random.default_rng(7))
    assert found["dci_disentanglement"] == pytest.approx(disentanglement(R), abs=1e-9)
    assert found["dci_completeness"] == pytest.approx(completeness(R), abs=1e-9)
    assert found["dci_informativeness"] == pytest.approx(np.mean(right))


def test_forest_depends_on_the_generator_alone() -> None:
    first, again, other = (
        dci_forest(*NOISY.train_test_split(), np.random.default_rng(seed)) for seed in (0, 0, 1)
    )
    assert first == again != other


def test_lasso_by_coordinate_descent() -> None:
    """The minimum of |y - X w|^2 / 2n + a |w|_1, a weight at a time, until nothing moves."""
    fit, test = NOISY.train_test_split()
    n = len(fit)
    parts = [columns(fit, i) for i in range(4)]
    x, x_test = (standard(all_columns(part), all_columns(fit)) for part in (fit, test))
    R, told = np.zeros((4, 3)), []
    for j in range(3):
        y = standard(fit.factors[:, j], fit.factors[:, j])
        w = np.zeros(x.shape[1])
        for _ in range(300):
            for k in range(len(w)):
                rest = x[:, k] @ (y - x @ w + x[:, k] * w[k]) / n
                w[k] = math.copysign(max(abs(rest) - 4 / math.sqrt(n), 0), rest)
        first = 0
        for i, part in enumerate(parts):
            mine = slice(first, first := first + part.shape[1])
            R[i, j] = np.std(x[:, mine] @ w[mine])
        y_test = standard(test.factors[:, j], fit.factors[:, j])
        told.append(1 - ((y_test - x_test @ w) ** 2).sum() / ((y_test - y_test.mean()) ** 2).sum())
    found = dci_lasso(fit, test, np.random.default_rng(0))
    assert 0 < found["dci_lasso_completeness"] < found["dci_lasso_disentanglement"] < 1
    assert found["dci_lasso_disentanglement"] == pytest.approx(disentanglement(R), abs=2e-3)
    assert found["dci_lasso_completeness"] == pytest.approx(completeness(R), abs=2e-3)
    assert found["dci_lasso_informativeness"] == pytest.approx(np.mean(told), abs=2e-3)


def test_sap_is_the_gap_of_scikit_learns_machines() -> None:
    """By the dual problem, of each code and factor."""
    fit, test = NOISY.train_test_split()
    gaps = []
    for j in range(3):
        right = []
        for i in range(4):
            x, x_test = columns(fit, i), columns(test, i)
            machine = LinearSVC(C=0.01, class_weight="balanced", random_state=0, max_iter=100_000, tol=1e-6)
            machine.set_params(dual=True).fit(standard(x, x), fit.factors[:, j])
            right.append(np.mean(machine.predict(standard(x_test, x)) == test.factors[:, j]))
        second, first = sorted(right)[-2:]
        gaps.append(first - second)
    assert sap(fit, test, np.random.default_rng(0))["sap"] == pytest.approx(np.mean(gaps), abs=2e-3)


def test_sap_by_minimising_the_squared_hinge() -> None:
    """Each value against the rest; a value that is rare weighs more where it is the one."""
    fit, test = NOISY.take(np.arange(600)).train_test_split()
    C = 0.01
    gaps = []
    for j in range(3):
        y = fit.factors[:, j]
        right = []
        for i in range(4):
            x = np.c_[standard(columns(fit, i), columns(fit, i)), np.ones(len(fit))]
            x_test = np.c_[standard(columns(test, i), columns(fit, i)), np.ones(len(test))]
            planes = []
            for value in range(SIZES[j]):
                sign = np.where(y == value, 1, -1)
                weight = np.where(y == value, C * len(y) / (SIZES[j] * (y == value).sum()), C)

                def loss(
                    w: np.ndarray, x: np.ndarray = x, sign: np.ndarray = sign, weight: np.ndarray = weight
                ) -> tuple[float, np.ndarray]:
                    short = np.maximum(1 - sign * (x @ w), 0)
                    return w @ w / 2 + weight @ short**2, w - 2 * x.T @ (weight * sign * short)

                planes.append(minimize(loss, np.zeros(x.shape[1]), jac=True, method="BFGS", tol=1e-5).x)
            right.append(np.mean(np.argmax(x_test @ np.array(planes).T, axis=1) == test.factors[:, j]))
        second, first = sorted(right)[-2:]
        gaps.append(first - second)
    assert sap(fit, test, np.random.default_rng(0))["sap"] == pytest.approx(np.mean(gaps), abs=5e-3)


def test_explicitness_by_the_penalised_likelihood() -> None:
    fit, test = NOISY.take(np.arange(600)).train_test_split()
    x, x_test = (standard(all_columns(part), all_columns(fit)) for part in (fit, test))
    means = []
    for j, k in enumerate(SIZES):
        hit = np.eye(k)[fit.factors[:, j]]

        def logits(w: np.ndarray, x: np.ndarray, k: int = k) -> np.ndarray:
            W = w.reshape(-1, k)
            return x @ W[:-1] + W[-1]

        def loss(w: np.ndarray, k: int = k, hit: np.ndarray = hit) -> tuple[float, np.ndarray]:
            p = np.exp(logits(w, x))
            p /= p.sum(axis=1, keepdims=True)
            slope = np.r_[x.T @ (p - hit) + w.reshape(-1, k)[:-1], (p - hit).sum(axis=0)[None]]
            return -np.log(p[hit == 1]).sum() + (w.reshape(-1, k)[:-1] ** 2).sum() / 2, slope.ravel()

        w = minimize(loss, np.zeros((x.shape[1] + 1) * k), jac=True, method="L-BFGS-B").x
        p = np.exp(logits(w, x_test))
        p /= p.sum(axis=1, keepdims=True)
        areas = []
        for value in range(k):
            one, rest = (
                p[side, value] for side in (test.factors[:, j] == value, test.factors[:, j] != value)
            )
            areas.append(np.mean([(a > b) + (a == b) / 2 for a in one for b in rest]))
        means.append(np.mean(areas))
    found = explicitness(fit, test, np.random.default_rng(0))["explicitness"]
    assert 0.7 < found < 0.95
    assert found == pytest.approx(np.mean(means), abs=1e-3)


def test_categories_that_are_the_factors_score_best() -> None:
    """However the categories are numbered."""
    found = scores(IDENTITY)
    orders = ([2, 0, 1], [1, 3, 0, 2], [4, 2, 0, 3, 1])
    permuted = np.stack([np.array(order)[v] for order, v in zip(orders, FACTORS.T, strict=True)], axis=1)
    assert scores(from_arrays(permuted, FACTORS, ("category",) * 3)) == pytest.approx(found, abs=1e-3)
    assert found.pop("sap") == pytest.approx(1 - CHANCE, abs=0.04)
    assert found.pop("dci_lasso_informativeness") > 0.9  # the penalty takes something off
    assert found == pytest.approx(dict.fromkeys(found, 1))


def test_noise_is_at_the_floor() -> None:
    values = np.stack([RNG.integers(0, 3, N), RNG.random(N), RNG.random(N) * 6, RNG.random(N)], axis=1)
    found = scores(from_arrays(values, FACTORS, KINDS))
    assert [value for name, value in found.items() if "lasso" in name] == [0, 0, 0]
    assert found["dci_disentanglement"] < 0.1
    assert found["dci_completeness"] < 0.2  # two columns of an angle, and a category's, take unequal shares
    assert found["dci_informativeness"] == pytest.approx(CHANCE, abs=0.05)
    assert found["explicitness"] == pytest.approx(0.5, abs=0.05)
    assert found["sap"] < 0.06


def test_order_and_unit_of_codes_make_no_difference() -> None:
    order = [2, 3, 0, 1]
    values = NOISY.codes * [1, 1e-9, 1, -300] + [0, 0, 0, 1e6]
    unshuffled = np.empty(N, int)  # from_arrays shuffles
    unshuffled[np.random.default_rng(0).permutation(N)] = np.arange(N)
    kinds = [KINDS[i] for i in order]
    moved = from_arrays(values[unshuffled][:, order], NOISY.factors[unshuffled], kinds)
    np.testing.assert_array_equal(moved.factors, NOISY.factors)
    expected, found = scores(NOISY), scores(moved)
    for name, value in expected.items():  # a forest breaks its ties in the order of the columns
        is_forest = name.startswith("dci_") and "lasso" not in name
        assert found[name] == pytest.approx(value, abs=0.02 if is_forest else 2e-3)


def test_copies_are_separate_in_no_way() -> None:
    twice = scores(from_arrays(np.tile(FACTORS, 2), FACTORS, ("category",) * 6))
    assert twice["sap"] == 0
    assert twice["dci_disentanglement"] == pytest.approx(1)
    assert twice["dci_completeness"] < 0.8
    assert twice["explicitness"] == pytest.approx(scores(IDENTITY)["explicitness"], abs=1e-3)


def test_an_angle_tells_more_than_a_number() -> None:
    only, followed = NOISY.codes[:, 2:3], NOISY.factors[:, 2:]
    wrapped, number = (
        scores(from_arrays(only, followed, ["angle"])),
        scores(from_arrays(only, followed, ["number"])),
    )
    for name in ("sap", "explicitness"):
        assert wrapped[name] > number[name] + 0.05


def test_constant_codes_score_nothing() -> None:
    constant = from_arrays(np.ones((N, 4)), FACTORS, ("number", "category", "angle", "number"))
    found = scores(constant)
    assert {name: found[name] for name in found if "informativeness" not in name} == pytest.approx(
        dict.fromkeys([name for name in found if "informativeness" not in name], 0.0) | {"explicitness": 0.5}
    )
    assert found["dci_informativeness"] == pytest.approx(CHANCE, abs=0.05)


def test_one_code_and_one_factor() -> None:
    one_code = scores(from_arrays(FACTORS[:, :1] * 1.0, FACTORS, ["category"]))
    assert one_code["dci_completeness"] == one_code["dci_lasso_completeness"] == 1
    assert one_code["dci_lasso_disentanglement"] == 1
    assert one_code["sap"] == pytest.approx((1 - 1 / 3) / 3, abs=0.04)
    one_factor = scores(from_arrays(FACTORS * 1.0, FACTORS[:, :1], ["category"] * 3))
    assert one_factor["dci_disentanglement"] == one_factor["dci_lasso_disentanglement"] == 1
    assert one_factor["sap"] == pytest.approx(1 - 1 / 3, abs=0.06)
    both = scores(from_arrays(FACTORS[:, :1] * 1.0, FACTORS[:, :1], ["category"]))
    assert both["sap"] == pytest.approx(1 - 1 / 3, abs=0.06)
    assert both["dci_disentanglement"] == both["dci_completeness"] == both["explicitness"] == 1


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_factor_without_a_second_value_is_left_out(function: Function) -> None:
    fit, test = NOISY.train_test_split()
    some = fit.take(np.flatnonzero(fit.factors[:, 0] == 1))
    without = [
        CodesAndFactors(part.codes, part.kinds, part.factors[:, 1:], part.columns, part.code_of_column)
        for part in (some, test)
    ]
    found = function(some, test, np.random.default_rng(0))
    assert found == function(without[0], without[1], np.random.default_rng(0))
    assert min(found.values()) > 0.05
    alike = fit.take(np.flatnonzero((fit.factors == [1, 2, 3]).all(axis=1)))
    assert set(function(alike, test, np.random.default_rng(0)).values()) == {0.0}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_values_that_one_part_has_alone(function: Function) -> None:
    fit, test = NOISY.train_test_split()
    whole = function(fit, test, np.random.default_rng(0))
    for a, b in [
        (fit.take(np.flatnonzero(fit.factors[:, 2] != 3)), test),
        (fit, test.take(np.flatnonzero(test.factors[:, 2] != 3))),
        (fit, test.take(np.flatnonzero(test.factors[:, 2] == 3))),
        (fit.take(np.flatnonzero(fit.factors[:, 2] < 2)), test.take(np.flatnonzero(test.factors[:, 2] > 2))),
    ]:
        found = function(a, b, np.random.default_rng(0))
        assert all(0 <= value <= 1 for value in found.values())
        assert found != whole


def test_what_the_second_part_alone_shows_is_told_wrongly() -> None:
    """A value that no one has learnt is never predicted; nor is its area known."""
    fit, test = IDENTITY.train_test_split()
    fit = fit.take(np.flatnonzero(fit.factors[:, 0] != 2))
    missed = np.mean(test.factors[:, 0] == 2)
    found = dci_forest(fit, test, np.random.default_rng(0))
    assert found["dci_informativeness"] == pytest.approx(1 - missed / 3)
    assert explicitness(fit, test, np.random.default_rng(0))["explicitness"] > 0.9


@pytest.mark.parametrize("value", [0, 1])
def test_areas_are_of_the_values_that_both_parts_have(value: int) -> None:
    for part in (0, 1):
        parts = list(IDENTITY.train_test_split())
        parts[part] = parts[part].take(np.flatnonzero((parts[part].factors != value).all(axis=1)))
        found = explicitness(parts[0], parts[1], np.random.default_rng(0))["explicitness"]
        assert found == pytest.approx(1) if part else found > 0.9
