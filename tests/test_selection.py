"""What is scored without labels: consistency, agreement between runs, and the choice of one."""

import math
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import nn

from infogan.cli.evaluate import By
from infogan.data import Factor, Factors, Images
from infogan.evaluation.consistency import agreement, recover_codes, recovery_scores, shift, stability_scores
from infogan.evaluation.selection import LABEL_FREE, model_centrality, pairwise_udr, scaled_ranks, select, udr
from infogan.method.latent import Latent
from infogan.method.model import Model
from infogan.method.networks.blocks import DiscriminatorQ, Generator
from infogan.utils.errors import InfoganError
from infogan.utils.rng import make_rng

STRAIGHT = torch.eye(3)
SWAPPED = torch.tensor([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])  # other names and signs, the same knobs
MIXED = torch.tensor([[0.6, 0.6, -0.5], [-0.6, 0.7, 0.4], [0.5, -0.1, 0.8]])  # every knob turns everything


def toy(knobs: torch.Tensor, reads: torch.Tensor | None = None) -> Model:
    """G puts three codes into three of four pixels by `knobs`; Q takes `reads`, else `knobs`, back."""
    latent = Latent.parse("unif:3 noise:1", fixed_std=0.5)
    G_layer, q_head = nn.Linear(4, 4), nn.Linear(4, 6)
    with torch.no_grad():
        # z, c -> a dim fourth pixel of noise, and pixels 1 to 3 at 0.5 + 0.2 knobs c
        G_layer.weight.zero_()[:3, 1:] = 0.2 * knobs
        G_layer.weight[3, 0] = 0.1
        G_layer.bias.fill_(0.5)
        inverse = torch.linalg.inv(knobs if reads is None else reads) / 0.2
        q_head.weight.zero_()[::2, :3] = inverse
        q_head.bias.zero_()[::2] = -0.5 * inverse.sum(dim=1)
    G = nn.Sequential(G_layer, nn.Unflatten(1, (1, 2, 2)))
    return Model(
        latent,
        Generator(latent, G, (1, 2, 2)),
        DiscriminatorQ(latent, nn.Sequential(nn.Flatten()), nn.Linear(4, 1), q_head),
    )


def real(n: int = 1000) -> Images:
    """Images whose first three pixels are free factors."""
    factors = np.random.default_rng(0).random((n, 3))
    pixels = np.concatenate([factors, np.full((n, 1), 0.5)], axis=1)
    known = tuple(Factor(f"f{i}", "number") for i in range(3))
    x = (51 + 153 * pixels).round().astype(np.uint8).reshape(n, 1, 2, 2)
    return Images.from_arrays(x, factors=Factors(known, factors))


def test_agreement_of_each_kind() -> None:
    a = np.array([0.0, 1, 2, 3, 1])
    assert agreement(a, np.array([0.0, 1, 2, 0, 0]), "category") == pytest.approx(3 / 5)
    assert agreement(a, (3 - a) % 4, "category") == 0  # relabelled is not the same category
    assert agreement(a, a**3, "number") == pytest.approx(1)
    angle = np.linspace(0, 2 * math.pi, 50, endpoint=False)
    assert agreement(angle, (angle + 1) % (2 * math.pi), "angle") == pytest.approx(1)


def test_codes_of_a_perfect_generator_come_back() -> None:
    model = toy(MIXED)
    scores = recovery_scores(model, recover_codes(model, make_rng(0, "test")))
    assert list(scores) == ["recovery_c1", "recovery_c2", "recovery_c3"]
    assert all(score["value"] > 0.999 for score in scores.values())


def test_a_code_that_q_reads_elsewhere_does_not_come_back() -> None:
    model = toy(STRAIGHT, reads=torch.diag(torch.ones(3)).roll(1, dims=0))
    scores = recovery_scores(model, recover_codes(model, make_rng(0, "test")))
    assert all(score["value"] < 0.05 for score in scores.values())


def test_images_made_carry_their_codes() -> None:
    made, drawn, read = recover_codes(toy(STRAIGHT), make_rng(0, "test"))
    assert made.factors is not None
    np.testing.assert_array_equal(made.factors.values, drawn)
    np.testing.assert_allclose(read, drawn, atol=0.01)
    np.testing.assert_allclose(
        made.x[:, 0].reshape(-1, 4)[:, :3] / 255, 0.5 + 0.2 * made.factors.values, atol=0.5 / 255
    )


def test_shift_repeats_the_edge() -> None:
    x = np.arange(9, dtype=np.uint8).reshape(1, 1, 3, 3)
    assert shift(x, 0, 1)[0, 0].tolist() == [[0, 0, 1], [3, 3, 4], [6, 6, 7]]
    assert shift(x, -1, 0)[0, 0].tolist() == [[3, 4, 5], [6, 7, 8], [6, 7, 8]]


def test_stability_is_lost_where_a_pixel_matters() -> None:
    scores = stability_scores(toy(STRAIGHT), real().x)
    # c3 is the pixel below left: from above it gets c1's, from the right the constant one's, else its own.
    assert all(0.2 < score["value"] < 0.8 for score in scores.values())
    flat = np.repeat(np.repeat(real().x[:, :, :1, :1], 2, axis=2), 2, axis=3)
    assert all(score["value"] > 0.999 for score in stability_scores(toy(STRAIGHT), flat).values())


@pytest.mark.parametrize(
    ("R", "expected"),
    [
        (np.eye(3), 1.0),
        (np.eye(3)[[2, 0, 1]], 1.0),
        (np.ones((2, 2)), 0.5),
        (np.zeros((2, 2)), 0.0),
        (np.ones((1, 2)), (1 + 1 + 1 / 2) / 3),
        (np.array([[0.8, 0.2], [0.0, 0.5]]), (0.8 + 0.25 / 0.7 + 0.64 / 1.0 + 0.5) / 4),
        (np.zeros((0, 2)), 0.0),
    ],
)
def test_pairwise_udr_by_hand(R: np.ndarray, expected: float) -> None:
    assert pairwise_udr(R) == pytest.approx(expected)
    assert pairwise_udr(R.T) == pytest.approx(expected)


def four() -> dict[str, Model]:
    return {"a": toy(STRAIGHT), "mixed": toy(MIXED), "b": toy(SWAPPED), "c": toy(STRAIGHT)}


@pytest.fixture(scope="module")
def selected() -> tuple[dict[str, Any], list[str]]:
    """The ranking of four runs on images with known factors, and what it said on the way."""
    said: list[str] = []
    return select(four(), 100, real(), "udr_and_recovery", said.append), said


def test_the_odd_one_out_comes_last(selected: tuple[dict[str, Any], list[str]]) -> None:
    found, said = selected
    assert list(found["runs"])[-1] == "mixed"
    for scores in found["runs"].values():
        assert 0 <= scores["udr_and_recovery"] <= 1
    assert found["runs"]["a"]["udr"] > 0.9 > 0.8 > found["runs"]["mixed"]["udr"]
    assert found["runs"]["a"]["model_centrality"] > found["runs"]["mixed"]["model_centrality"] + 0.1
    assert set(found["runs"]["a"]) == set(LABEL_FREE)
    (truth,) = found["labelled"]
    assert truth == "mean_strongest_association"
    assert min(found["labelled"][truth], key=lambda run: found["labelled"][truth][run]) == "mixed"
    assert found["rank_correlation"][truth]["udr"] > 0.7
    assert said


def test_labels_do_not_change_the_ranking(selected: tuple[dict[str, Any], list[str]]) -> None:
    bare = select(four(), 100, Images.from_arrays(real().x), "udr_and_recovery", lambda _: None)
    assert selected[0]["runs"] == bare["runs"]
    assert bare["labelled"] == {}


def test_models_that_agree_with_all_others() -> None:
    alike = [toy(STRAIGHT), toy(SWAPPED), toy(STRAIGHT)]
    backs = [recover_codes(model, make_rng(0, "test")) for model in alike]
    assert min(model_centrality(alike, backs)) > 0.99
    assert min(udr(alike, backs, real())) > 0.9


def test_the_command_line_offers_every_label_free_score() -> None:
    assert set(get_args(get_args(By)[0])) == set(LABEL_FREE)


def test_a_choice_takes_two() -> None:
    with pytest.raises(InfoganError, match="at least two runs"):
        select({"a": toy(STRAIGHT)}, 100, real(), "udr", lambda _: None)


def test_mean_of_ranks() -> None:
    assert scaled_ranks([0.3, 0.9, 0.1]) == [0.5, 1, 0]
    assert scaled_ranks([2.0, 2.0, 1.0]) == [0.75, 0.75, 0]
