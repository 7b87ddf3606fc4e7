"""Intervals have the width and the cover that they claim: over images, over seeds, and of differences."""

import numpy as np
import pytest

from infogan.evaluation.across_runs import compare_evaluations, is_significant, median_over_runs, median_score
from infogan.evaluation.score import Score, interval_half_width, make_score, sample_halves


def mean_score(sample: np.ndarray, times: int = 50) -> Score:
    chosen = sample_halves(len(sample), times, np.random.default_rng(0))
    return make_score(
        sample.mean(), [sample[half].mean() for half in chosen], "mean", min_value=-9.0, max_value=9.0
    )


def test_halves_are_halves_without_a_copy() -> None:
    for half in sample_halves(101, 5, np.random.default_rng(0)):
        assert len(half) == len(set(half.tolist())) == 51
        assert half.min() >= 0
        assert half.max() <= 100


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    """Of a mean of 60 normal draws: 95 %, give or take the error of 300 tries."""
    rng = np.random.default_rng(0)
    scores = [mean_score(rng.normal(size=60)) for _ in range(300)]
    covered = sum(s["low"] <= 0 <= s["high"] for s in scores) / 300
    assert 0.91 < covered < 0.98
    widths = [s["high"] - s["low"] for s in scores]
    assert np.mean(widths) == pytest.approx(2 * 2.0 / np.sqrt(60), rel=0.1)


def test_interval_ends_at_the_range() -> None:
    found = make_score(0.99, [0.9, 1.0, 1.0], "share")
    assert found["low"] < 0.99 < found["high"] == 1


def test_median_over_seeds_is_as_wide_as_the_seeds() -> None:
    rng = np.random.default_rng(1)

    def run(level: float) -> Score:
        return mean_score(level + 0.01 * rng.normal(size=100))

    apart = median_score([run(level) for level in (0.1, 0.2, 0.3, 0.6, 0.9)])
    assert apart["value"] == pytest.approx(0.3, abs=0.01)
    assert apart["low"] < 0.21
    assert apart["high"] > 0.59
    assert "median of 5 runs (0.0993 to 0.9015)" in apart["protocol"]
    close = median_score([run(0.3) for _ in range(5)])
    assert close["high"] - close["low"] < 0.01
    alone = median_score([run(0.3)])
    assert 0 < alone["high"] - alone["low"] < 0.01


def test_over_seeds_keeps_what_all_have() -> None:
    one = mean_score(np.arange(10.0) / 10)
    found = median_over_runs([{"test": {"a": one, "b": one}}, {"test": {"a": one}, "train": {"a": one}}])
    assert {split: list(scores) for split, scores in found.items()} == {"test": ["a"]}


def test_paired_difference_is_narrower_than_two_intervals() -> None:
    """Two runs that fail on nearly the same images differ surely, though their intervals overlap."""
    rng = np.random.default_rng(0)
    wrong = (rng.random(2000) < 0.3).astype(float)
    better = wrong.copy()
    better[np.flatnonzero(wrong)[:25]] = 0
    other = (rng.random(2000) < 0.3).astype(float)
    a, b, c = (mean_score(v) for v in (wrong, better, other))
    assert b["high"] > a["low"]
    comparison = compare_evaluations(
        {"a": {"test": {"error": a}}, "b": {"test": {"error": b}}, "c": {"test": {"error": c}}}
    )
    found = comparison["test"]["error"]
    assert found["values"] == {"a": a["value"], "b": b["value"], "c": c["value"]}
    assert found["differences"]["b"]["value"] == pytest.approx(-25 / 2000)
    assert is_significant(found["differences"]["b"])
    assert not is_significant(found["differences"]["c"])
    width = found["differences"]["c"]["high"] - found["differences"]["c"]["low"]
    assert width == pytest.approx(2 * 1.96 * np.sqrt(2 * 0.21 / 2000), rel=0.3)


def test_other_protocols_are_not_tested_for_a_difference() -> None:
    a = mean_score(np.arange(10.0) / 10)
    b = Score(value=a["value"], low=0.0, high=1.0, protocol="another", resamples=a["resamples"])
    found = compare_evaluations({"a": {"test": {"s": a}}, "b": {"test": {"s": b}}})["test"]["s"]
    assert set(found["values"]) == {"a", "b"}
    assert found["differences"] == {}


def test_half_width_is_students() -> None:
    assert interval_half_width([0.0, 2.0]) == pytest.approx(12.706 * np.sqrt(2), rel=1e-4)
