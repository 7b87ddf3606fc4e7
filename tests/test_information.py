"""Information between codes and factors: by hand, against slow copies of the definitions, at the limits."""

import math
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import digamma
from scipy.stats import entropy
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, mutual_info_score
from sklearn.preprocessing import StandardScaler

from infogan.evaluation.disentanglement.codes_and_factors import CodesAndFactors
from infogan.evaluation.disentanglement.information import (
    active_codes,
    infomec,
    mig,
    modularity,
    mutual_information,
    mutual_information_knn,
    normalised_information,
    pairwise_mutual_information,
    predictive_information,
    prominence,
)
from infogan.method.codes import Kind

SIZES = (3, 5, 8)
KINDS: tuple[Kind, ...] = ("number", "category", "angle", "number")
TURN = 2 * math.pi


def factors_of(n: int, seed: int = 0, sizes: Sequence[int] = SIZES) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(0, size, n) for size in sizes], axis=1)


def mixed(n: int = 400, seed: int = 0, noise: float = 0.3) -> CodesAndFactors:
    """Three factors, each in a code of another kind, and a number that mixes two of them."""
    rng = np.random.default_rng(seed)
    v = factors_of(n, seed)
    category = np.where(rng.random(n) < noise, rng.integers(0, 5, n), v[:, 1])
    angle = v[:, 2] / 8 * TURN + noise * rng.normal(size=n)
    number = v[:, 0] + noise * rng.normal(size=n)
    blend = v[:, 0] + v[:, 2] / 4 + noise * rng.normal(size=n)
    return made(np.stack([number, category, angle, blend], axis=1), v, KINDS)


def made(values: np.ndarray, factors: np.ndarray, kinds: Sequence[Kind] | None = None) -> CodesAndFactors:
    return CodesAndFactors.from_arrays(values.astype(float), factors, kinds)


def scores(pairs: CodesAndFactors, seed: int = 0) -> dict[str, float]:
    found: dict[str, float] = {}
    for score in (mig, modularity, infomec):
        found |= score(pairs, pairs, np.random.default_rng(seed))
    return found


def rows(table: Sequence[tuple[Sequence[int], int]]) -> np.ndarray:
    """Each row as often as it says."""
    return np.array([row for row, times in table for _ in range(times)])


def test_information_of_a_table_known_by_hand() -> None:
    a, b = rows([((0, 0), 3), ((0, 1), 1), ((1, 0), 1), ((1, 1), 3)]).T
    assert mutual_information(a, b) == pytest.approx(math.log(2) - (math.log(4) - 0.75 * math.log(3)))
    assert mutual_information(a, a) == pytest.approx(math.log(2))
    whole = rows([((0, 0, 0), 1), ((0, 1, 1), 1), ((1, 0, 1), 1), ((1, 1, 0), 1)])
    assert (
        pairwise_mutual_information(whole, whole) == np.where(np.eye(3), mutual_information(a, a), 0)
    ).all()  # exactly
    assert mutual_information(np.array([0, 3, 3, 0, 3]), np.array([7, 7, 7, 7, 7])) == 0


def test_mig_by_hand() -> None:
    """One factor told wholly by one code; one told by a quarter of errors, and by no other."""
    table = [
        ((a, b, b if right else 1 - b), 3 if right else 1) for a in (0, 1) for b in (0, 1) for right in (0, 1)
    ]
    a, b, noisy = rows([(row, 5 * times) for row, times in table]).T
    p = made(np.stack([a, noisy], axis=1), np.stack([a, b], axis=1), ("category", "category"))
    gap = 1 - (math.log(4) - 0.75 * math.log(3)) / math.log(2)
    assert scores(p)["mig"] == pytest.approx((1 + gap) / 2)
    # Of a single code the second is 0; of two alike the gap is.
    alone = made(a[:, None], np.stack([a, b], axis=1), ("category",))
    assert scores(alone)["mig"] == pytest.approx(1 / 2)
    twice = made(np.stack([a, a, b], axis=1), np.stack([a, b], axis=1), ("category",) * 3)
    assert scores(twice)["mig"] == pytest.approx(1 / 2)


def test_modularity_by_hand() -> None:
    a, b, c = rows([((a, b, c), 3) for a in (0, 1) for b in (0, 1) for c in (0, 1)]).T
    v = np.stack([a, b, c], axis=1)

    def of(*codes: np.ndarray) -> float:
        return scores(made(np.stack(codes, axis=1), v, ("category",) * len(codes)))["modularity"]

    assert of(a) == 1
    assert of(2 * a + b) == pytest.approx(1 / 2)  # one other factor of two, as much
    assert of(4 * a + 2 * b + c) == pytest.approx(0)
    assert of(a, 2 * a + b) == pytest.approx(3 / 4)
    assert of(a, a ^ b) == pytest.approx(1 / 2)  # the second tells of no factor
    assert of(np.zeros_like(a)) == 0


def test_prominence_by_hand() -> None:
    assert prominence(np.array([[0.5, 0.25, 0.25]])) == pytest.approx((1 / 2 - 1 / 3) / (1 - 1 / 3))
    assert prominence(np.array([[0.0, 0.2], [0.3, 0.3], [0.0, 0.0]])) == pytest.approx(1 / 3)
    assert prominence(np.array([[0.1], [0.0]])) == 0.5
    assert prominence(np.zeros((3, 0))) == prominence(np.zeros((0, 3))) == prominence(np.zeros((1, 1))) == 0


def test_infoc_of_codes_given_twice_by_hand() -> None:
    """Each factor has two of the 2f codes, alike: (1 / 2 - 1 / 2f) / (1 - 1 / 2f)."""
    v = rows([((a, b), 25) for a in (0, 1) for b in (0, 1)])
    found = scores(made(np.concatenate([v, v], axis=1), v, ("category",) * 4))
    assert found == pytest.approx(
        {"mig": 0, "modularity": 1, "infom": 1, "infoe": 1, "infoc": (1 / 2 - 1 / 4) / (1 - 1 / 4)}, abs=2e-4
    )


def slow_gap_and_modularity(pairs: CodesAndFactors) -> tuple[float, float]:
    codes = []
    for v, kind in zip(pairs.codes.T, pairs.kinds, strict=True):
        if kind == "angle":  # counted from the end of the largest gap on the circle
            turned = sorted(v % TURN)
            gaps = [
                (after - before) % TURN for before, after in zip([turned[-1], *turned], turned, strict=False)
            ]
            v = (v % TURN - turned[gaps.index(max(gaps))]) % TURN
        low, width = v.min(), (v.max() - v.min()) / 20
        codes.append([int(x) if kind == "category" else min(19, math.floor((x - low) / width)) for x in v])
    table = [[mutual_info_score(code, factor) for code in codes] for factor in pairs.factors.T.tolist()]
    gaps = []
    for told, factor in zip(table, pairs.factors.T.tolist(), strict=True):
        first, second, *_ = sorted(told, reverse=True)
        gaps.append((first - second) / entropy(list(Counter(factor).values())))
    modular = []
    for j in range(len(codes)):
        of = [row[j] for row in table]
        best = of.index(max(of))
        rest = sum(x**2 for k, x in enumerate(of) if k != best)
        modular.append(1 - rest / (of[best] ** 2 * (len(of) - 1)))
    return sum(gaps) / len(gaps), sum(modular) / len(modular)


@pytest.mark.parametrize("seed", range(4))
def test_mig_and_modularity_against_loops(seed: int) -> None:
    p = mixed(seed=seed, noise=(seed + 1) / 4)
    found = scores(p)
    assert (found["mig"], found["modularity"]) == pytest.approx(slow_gap_and_modularity(p), abs=1e-9)


def slow_neighbours(c: np.ndarray, v: np.ndarray, distance: Callable[[float, float], float]) -> float:
    """Ross, image by image, from a list of all distances."""
    terms = []
    shared = [i for i in range(len(c)) if (v == v[i]).sum() > 1]
    for i in shared:
        others = sorted(distance(c[i], c[j]) for j in shared if j != i and v[j] == v[i])
        k = min(10, len(others))
        m = 1 + sum(distance(c[i], c[j]) < others[k - 1] for j in shared if j != i)
        terms.append(digamma(len(shared)) - digamma(len(others) + 1) + digamma(k) - digamma(m))
    return max(0.0, float(np.mean(terms)))


@pytest.mark.parametrize("seed", range(3))
def test_neighbours_against_loops(seed: int) -> None:
    rng = np.random.default_rng(seed)
    v = np.append(
        rng.choice(6, 150, p=[0.4, 0.3, 0.2, 0.06, 0.03, 0.01]), [9]
    )  # some rarer than k, one alone
    line, circle = rng.normal(v, 1 + seed), rng.vonmises(v, 3 / (1 + seed)) % TURN
    expected = slow_neighbours(line, v, lambda x, y: abs(x - y))
    assert expected > 0
    assert mutual_information_knn(line, v) == pytest.approx(expected)
    around = slow_neighbours(circle, v, lambda x, y: min(abs(x - y), TURN - abs(x - y)))
    assert mutual_information_knn(circle, v, TURN) == pytest.approx(around)
    assert abs(around - mutual_information_knn(circle, v)) > 1e-3


def test_neighbours_against_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    v = factors_of(1000)
    codes = np.stack([rng.normal(size=1000), v[:, 2] + rng.normal(size=1000), np.exp(v[:, 1])], axis=1)
    codes[:, 2] *= rng.uniform(1, 2, 1000)
    p = made(codes, v)
    H = [mutual_info_score(s, s) for s in p.factors.T]
    expected = [mutual_info_classif(p.codes, s, n_neighbors=10, random_state=0) for s in p.factors.T]
    NMI = normalised_information(p, p.factors, np.random.default_rng(1))
    np.testing.assert_allclose(NMI, np.array(expected) / np.array(H)[:, None], atol=1e-9)


def test_neighbours_of_a_number_that_repeats_tell_what_its_counts_tell() -> None:
    v = factors_of(4000)
    coarse = np.round(v[:, 2] / 2 + np.random.default_rng(1).normal(size=4000))
    p = made(coarse[:, None], v)
    NMI = normalised_information(p, p.factors, np.random.default_rng(0))[2, 0]
    told = mutual_information(p.codes[:, 0].astype(int) + 9, p.factors[:, 2]) / math.log(8)
    assert told == pytest.approx(NMI, abs=0.02)


def test_neighbours_no_distance_away_are_all_counted() -> None:
    v = np.arange(30) % 2
    expected = digamma(30) - digamma(15) + digamma(10) - digamma(15)  # m: the 15 that are alike
    assert mutual_information_knn(v.astype(float), v) == pytest.approx(expected)
    assert mutual_information_knn(np.ones(30), v) == 0
    assert mutual_information_knn(np.ones(3), np.arange(3)) == 0


def test_neighbours_of_gaussians_give_the_integral() -> None:
    """I of two normals 3 apart, equally common: the entropy of the mixture less that of one."""
    x = np.linspace(-12, 12, 20_001)
    p = (np.exp(-((x - 1.5) ** 2) / 2) + np.exp(-((x + 1.5) ** 2) / 2)) / 2 / math.sqrt(TURN)
    expected = -np.trapezoid(p * np.log(p), x) - 0.5 * math.log(TURN * math.e)
    v = factors_of(10_000, sizes=(2,))[:, 0]
    c = 3 * v + np.random.default_rng(1).normal(size=10_000)
    assert mutual_information_knn(c, v) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("factor", range(3))
def test_explicitness_against_scikit_learn(factor: int) -> None:
    p = mixed(noise=0.8)
    s = p.factors[:, factor]
    X = StandardScaler().fit_transform(p.columns)
    model = LogisticRegression(C=np.inf, max_iter=1000, tol=1e-6).fit(X, s)
    H_null = entropy(np.bincount(s))
    expected = 1 - log_loss(s, model.predict_proba(X)) / H_null
    assert 0.05 < expected < 0.8
    assert predictive_information(p.columns, s) == pytest.approx(expected, abs=1e-3)


def test_explicitness_of_a_category_is_the_information_of_its_counts() -> None:
    """With a free row of logits for each category the least cross-entropy is H(s | z)."""
    p = mixed()
    z, s = p.codes[:, 1].astype(int), p.factors[:, 1]
    assert predictive_information(p.columns[:, p.code_of_column == 1], s) == pytest.approx(
        mutual_information(z, s) / mutual_information(s, s), abs=1e-4
    )


def test_explicitness_of_values_not_equally_common_starts_at_their_entropy() -> None:
    """Balanced, as in the authors' code, H_null would be log 2 and the value another."""
    z, s = rows([((0, 0), 80), ((1, 0), 10), ((1, 1), 10)]).T
    expected = mutual_information(z, s) / entropy([0.9, 0.1])
    assert predictive_information(np.eye(2)[z], s) == pytest.approx(expected, abs=1e-3)
    model = LogisticRegression(C=np.inf, class_weight="balanced").fit(np.eye(2)[z], s)
    theirs = 1 - log_loss(s, model.predict_proba(np.eye(2)[z])) / math.log(2)
    assert abs(theirs - expected) > 0.05


def test_explicitness_sees_no_interaction_and_no_fold() -> None:
    a, b = rows([((a, b), 25) for a in (0, 1) for b in (0, 1)]).T
    assert predictive_information(np.stack([a, b], axis=1).astype(float), a ^ b) == pytest.approx(0, abs=1e-6)
    x = np.linspace(-1, 1, 101)
    s = (np.abs(x) > 0.5).astype(int)
    assert predictive_information(x[:, None], s) == pytest.approx(0, abs=1e-6)
    assert mutual_information_knn(x, s) > 0.5
    assert predictive_information(np.stack([x, x**2], axis=1), s) > 0.99


def test_infomec_against_its_definition() -> None:
    """Number codes, one of them of a small range; every part by scikit-learn and loops."""
    rng = np.random.default_rng(0)
    v = factors_of(600)
    z = np.concatenate([v + 0.8 * rng.normal(size=v.shape), v[:, :1] / 50], axis=1)
    p = made(z, v)
    ranges = np.ptp(p.codes, axis=0)
    live = [j for j in range(4) if ranges[j] > ranges.max() / 20]
    assert live == [0, 1, 2]
    sources = p.factors.T
    NMI = np.array(
        [mutual_info_classif(p.codes[:, live], s, n_neighbors=10, random_state=0) for s in sources]
    ) / np.array([[mutual_info_score(s, s)] for s in sources])
    M = (np.mean([max(NMI[:, j]) / sum(NMI[:, j]) for j in range(3)]) - 1 / 3) / (1 - 1 / 3)
    C = (np.mean([max(NMI[i]) / sum(NMI[i]) for i in range(3)]) - 1 / 3) / (1 - 1 / 3)
    X = StandardScaler().fit_transform(p.codes)
    E = []
    for s in sources:
        null, model = (LogisticRegression(C=np.inf, max_iter=1000).fit(x, s) for x in (0 * X, X))
        H_null, H_cond = log_loss(s, null.predict_proba(0 * X)), log_loss(s, model.predict_proba(X))
        E.append((H_null - H_cond) / H_null)
    found = infomec(p, p, np.random.default_rng(0))
    assert found["infom"] == pytest.approx(M, abs=1e-6)
    assert found["infoc"] == pytest.approx(C, abs=1e-6)
    assert found["infoe"] == pytest.approx(np.mean(E), abs=2e-3)


def test_ranges_compare_among_codes_of_one_kind() -> None:
    n = 100
    t = np.linspace(0, 1, n)
    near = np.where(np.arange(n) % 2, TURN - 0.1, 0.1)  # an arc of 0.2 across the cut
    columns: list[tuple[np.ndarray, Kind, bool]] = [
        (100 * t, "number", True),
        (5.1 * t, "number", True),
        (4.9 * t, "number", False),
        (np.full(n, 0.1), "number", False),
        (6 * t, "angle", True),
        (near, "angle", False),
        (2 + 0.31 * t, "angle", True),
        (np.full(n, 0.3), "angle", False),
        (np.arange(n) % 2, "category", True),
        (np.full(n, 4), "category", False),
    ]
    values, kinds, expected = zip(*columns, strict=True)
    v = np.arange(n)[:, None] % 4
    assert active_codes(made(np.stack(values, axis=1), v, kinds)).tolist() == list(expected)
    # Alone, an angle that barely turns is the largest of its kind, whole turns aside.
    alone = made(np.stack([100 * t, near + 2 * TURN * (np.arange(n) % 3)], axis=1), v, ("number", "angle"))
    assert active_codes(alone).tolist() == [True, True]
    one = np.where(np.arange(n) % 2, -math.pi, math.pi)
    for still in (one, *(np.full(n, x) for x in np.linspace(0, 6, 50))):
        assert not active_codes(made(still[:, None], v, ("angle",))).any()


def test_codes_that_never_vary_score_nothing() -> None:
    p = made(np.tile([0.1, 2, 0.3, 7], (60, 1)), factors_of(60), KINDS)
    assert scores(p) == dict.fromkeys(("mig", "modularity", "infom", "infoe", "infoc"), 0)


def test_where_an_angle_is_cut_does_not_matter() -> None:
    p = mixed()
    turned = p.codes.copy()
    turned[:, 2] = (turned[:, 2] + 2.5) % TURN
    again, before = made(turned, p.factors, KINDS), made(p.codes, p.factors, KINDS)
    found, expected = (
        normalised_information(q, q.factors, np.random.default_rng(0)) for q in (again, before)
    )
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_a_factor_or_a_code_alone() -> None:
    v = factors_of(300, sizes=(4,))
    told = scores(made(v, v, ("category",)))
    assert told == pytest.approx(dict.fromkeys(told, 1), abs=1e-3)
    two = factors_of(300, sizes=(4, 4))
    one_code = scores(made(two[:, :1], two, ("category",)))
    assert one_code["mig"] == pytest.approx(0.5, abs=0.02)
    assert one_code["infoc"] == 1  # both factors are told a little
    one_factor = scores(made(two, two[:, :1], ("category",) * 2))
    assert one_factor["infom"] == one_factor["modularity"] == 1


def test_a_constant_factor_is_left_out() -> None:
    p = mixed()
    plus = CodesAndFactors(p.codes, p.kinds, np.insert(p.factors, 1, 4, axis=1), p.columns, p.code_of_column)
    assert scores(plus) == scores(p)
    none = CodesAndFactors(p.codes, p.kinds, np.zeros((400, 2), int), p.columns, p.code_of_column)
    assert scores(none) == dict.fromkeys(scores(p), 0)


def test_what_is_kept_to_test_on_is_not_asked() -> None:
    p, other = mixed(), mixed(seed=1)
    for score in (mig, modularity, infomec):
        assert score(p, other, np.random.default_rng(0)) == score(p, p, np.random.default_rng(0))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), data=st.data())
def test_order_of_codes_images_and_labels_does_not_matter(seed: int, data: st.DataObject) -> None:
    p = mixed(80, seed, noise=0.5)
    codes = data.draw(st.permutations(range(4)))
    images = data.draw(st.permutations(range(80)))
    labels = [np.array(data.draw(st.permutations(range(size)))) for size in SIZES]
    relabelled = np.stack([new[v] for new, v in zip(labels, p.factors.T, strict=True)], axis=1)
    q = made(p.codes[images][:, codes], relabelled[images], [KINDS[j] for j in codes])
    found, expected = scores(q, seed), scores(made(p.codes, p.factors, KINDS))
    assert found.pop("infoe") == pytest.approx(expected.pop("infoe"), abs=2e-3)  # a fit may stop early
    assert found == pytest.approx(expected, abs=1e-9)
