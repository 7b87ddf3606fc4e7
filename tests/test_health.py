"""Warnings about what goes wrong while every number stays finite."""

from collections.abc import Iterator

import pytest
import torch

from infogan.method.codes import Categorical, Code, Uniform
from infogan.training.health import PATIENCE, PATIENCE_AT_START, HealthMonitor, diversity, share_of_entropy

CODES: dict[str, Code] = {"c1": Categorical(10), "c2": Uniform()}
Segments = list[tuple[int, dict[str, float]]]


def test_diversity_is_0_for_one_image_and_1_for_the_real_ones() -> None:
    x = torch.rand(64, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert diversity(x, x) == 1
    assert diversity(x, x[:1].expand(64, 1, 8, 8)) == 0
    torch.testing.assert_close(diversity(x, x / 2), torch.tensor(0.5))
    seeds = x.expand(3, -1, -1, -1, -1)
    torch.testing.assert_close(diversity(seeds, seeds), torch.ones(3))
    assert diversity(torch.zeros(4, 1, 2, 2), x[:4, :, :2, :2]).isfinite()


def rows(segments: Segments) -> Iterator[dict[str, float | int]]:
    """A row every 20 steps, up to the step of each segment with its values."""
    n = 0
    for until, values in segments:
        while n < until:
            n += 20
            yield {"step": n, "L_I_c1": 2.2, "L_I_c2": 0.6, "diversity": 0.9, **values}


@pytest.mark.parametrize(
    ("segments", "warnings"),
    [
        ([(4000, {})], []),
        ([(PATIENCE_AT_START, {"L_I_c1": 0.0, "diversity": 0.1}), (4000, {})], []),
        (
            [(PATIENCE_AT_START + 20, {"L_I_c1": 0.0}), (4000, {})],
            ["since step 20, c1 carries 0% of its H(c), and none before", "has come alive and carries 96%"],
        ),
        (
            [(PATIENCE_AT_START + 20, {"diversity": 0.1})],
            ["since step 20, G's images are nearly"],
        ),
        (
            [(2000, {}), (3000, {"L_I_c2": 0.2})],
            ["step 2020, c2 carries 29% of its H(c), down from 87%"],
        ),
        ([(2000, {}), (2000 + PATIENCE, {"L_I_c2": 0.0, "diversity": 0.2}), (4000, {})], []),
        ([(2000, {}), (2020 + PATIENCE, {"diversity": 0.1})], ["since step 2020, G's images are nearly all"]),
        ([(2000, {}), (3000, {"L_I_c1": -0.5, "diversity": 0.2})], ["c1 carries 0%", "G's images"]),
    ],
)
def test_each_warning_comes_once_after_it_has_lasted(segments: Segments, warnings: list[str]) -> None:
    found: list[str] = []
    monitor = HealthMonitor(CODES, None, found.append)
    for row in rows(segments):
        monitor(row)
    assert len(found) == len(warnings)
    for warning in warnings:
        assert any(warning in one for one in found), found
    assert monitor.has_collapsed == any("G's images" in warning for warning in warnings)


@pytest.mark.parametrize(("L_I", "share"), [(-0.3926, 0.0), (-0.2258, 1.0)])
def test_share_of_entropy_if_the_standard_deviation_is_fixed(L_I: float, share: float) -> None:
    """Of a Q that knows nothing and of a perfect one, at a deviation of 1 (docs/explanation/maths.md)."""
    assert share_of_entropy(Uniform(), L_I, 1.0) == pytest.approx(share, abs=0.01)
