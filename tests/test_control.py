"""Scores of continuous codes on generators whose codes have known effects: a bar that leans and widens."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from infogan.evaluation.control.effects import N_CONTEXTS, Effect, FeatureSpaces, measure_effects
from infogan.evaluation.control.moments import MOMENTS, image_moments
from infogan.evaluation.control.scores import PARTS, alignment, control_scores, rv_coefficients
from infogan.method.latent import Latent
from infogan.method.model import Model
from infogan.method.networks.blocks import DiscriminatorQ, Generator
from infogan.utils.rng import make_rng

SIDE = 16
ONE_GROUP = np.zeros(N_CONTEXTS, int)
ROW, COLUMN = (grid - (SIDE - 1) / 2 for grid in torch.meshgrid(*[torch.arange(SIDE)] * 2, indexing="ij"))
Bar = Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]


class Draw(nn.Module):
    """G of a bar, moved by z_1; `bar` sets slope, width and brightness by z_2, the category and two codes."""

    def __init__(self, bar: Bar) -> None:
        super().__init__()
        self.bar, self.weight = bar, nn.Parameter(torch.zeros(1))

    def forward(self, packed: Tensor) -> Tensor:
        place, z, _, category, a, b = packed.unbind(dim=1)
        slope, width, brightness = (v[:, None, None] for v in self.bar(z, category, a, b))
        distance = COLUMN - 2 * place[:, None, None] + slope * ROW
        return (brightness * torch.exp(-0.5 * (distance / width) ** 2))[:, None]


class Measure(nn.Module):
    """The slope, width and brightness of a bar, as `Draw` takes them."""

    def forward(self, x: Tensor) -> Tensor:
        mass = x[:, 0] / x[:, 0].sum(dim=(1, 2), keepdim=True)
        dx = COLUMN - (mass * COLUMN).sum(dim=(1, 2), keepdim=True)
        m20, m11, m02 = ((mass * product).sum(dim=(1, 2)) for product in (dx**2, dx * ROW, ROW**2))
        return torch.stack([-m11 / m02, (m20 - m11**2 / m02).sqrt(), x.amax(dim=(1, 2, 3))], dim=1)


def model_of(bar: Bar) -> Model:
    """Q reads c1, one of two categories, off the brightness, c2 off the slope, c3 off the width."""
    latent = Latent.parse("cat:2 unif:2 noise:2", fixed_std=0.5)
    q_head = nn.Linear(3, 6)
    with torch.no_grad():
        # logits of c1, then mean and log std of c2 and of c3
        q_head.weight.zero_()
        q_head.bias.zero_()
        q_head.weight[1, 2], q_head.bias[1] = 40, -30
        q_head.weight[2, 0] = 1 / 0.4
        q_head.weight[4, 1], q_head.bias[4] = 1 / 0.5, -1.5 / 0.5
    D = DiscriminatorQ(latent, nn.Sequential(Measure()), nn.Linear(3, 1), q_head)
    return Model(latent, Generator(latent, nn.Sequential(Draw(bar)), (1, SIDE, SIDE)), D)


def scores_of(bar: Bar) -> dict[str, float]:
    model = model_of(bar)
    real = model_of(each_its_own).sample(300, make_rng(0, "real"))
    return {name: s["value"] for name, s in control_scores(model, real, make_rng(0, "control")).items()}


def each_its_own(z: Tensor, category: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return 0.4 * a, 1.5 + 0.5 * b, 0.5 + 0.5 * category


def test_a_code_that_does_one_thing_has_all_scores_near_1() -> None:
    scores = scores_of(each_its_own)
    assert set(scores) == {f"{part}_{c}" for part in (*PARTS, "control") for c in ("c2", "c3")}
    assert min(scores.values()) > 0.9
    for c in ("c2", "c3"):
        assert scores[f"control_{c}"] == min(scores[f"{part}_{c}"] for part in PARTS)


def test_a_bar_that_leans_to_either_side_is_not_aligned() -> None:
    scores = scores_of(lambda z, category, a, b: each_its_own(z, category, a * z.sign(), b))
    assert scores["alignment_c2"] < 0.2
    assert scores["alignment_c3"] > 0.9
    assert scores["uniqueness_c2"] > 0.9  # it is still the only one that sets the slant


def test_two_codes_that_set_the_slant_are_not_unique() -> None:
    scores = scores_of(
        lambda z, category, a, b: (0.1 * (a + b), torch.full_like(a, 1.5), 0.5 + 0.5 * category)
    )
    assert max(scores["uniqueness_c2"], scores["uniqueness_c3"]) < 0.1
    assert min(scores["alignment_c2"], scores["alignment_c3"]) > 0.9


def test_a_code_that_g_ignores_is_not_readable() -> None:
    scores = scores_of(lambda z, category, a, b: each_its_own(z, category, 0.5 * z, b))
    assert scores["readability_c2"] < 0.1
    assert scores["alignment_c2"] == 0
    assert scores["control_c3"] > 0.9


def test_a_code_that_changes_the_category_is_not_isolated() -> None:
    scores = scores_of(lambda z, category, a, b: each_its_own(z, (category - (a > 0).float()).abs(), a, b))
    assert scores["isolation_c2"] < 0.2
    assert scores["isolation_c3"] > 0.9


def test_a_code_that_is_the_same_in_all_real_images_is_not_readable() -> None:
    model = model_of(each_its_own)
    real = model.sample(1, make_rng(0, "real")).repeat(300, axis=0)
    scores = control_scores(model, real, make_rng(0, "control"))
    assert scores["readability_c2"]["value"] == scores["control_c2"]["value"] == 0
    assert scores["isolation_c2"]["value"] > 0.9


@pytest.mark.parametrize(("phase", "low", "high"), [(0.0, 0.9, 1.0), (math.pi, 0.0, 0.3)])
def test_an_angle_means_the_same_in_every_context(phase: float, low: float, high: float) -> None:
    """A spot goes round a circle, from the same place or, by z, from anywhere."""

    class Spot(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

        def forward(self, packed: Tensor) -> Tensor:
            angle = torch.atan2(packed[:, 2], packed[:, 1]) + phase * packed[:, 0]
            x, y = 4 * angle.cos()[:, None, None], 4 * angle.sin()[:, None, None]
            return torch.exp(-0.5 * ((COLUMN - x) ** 2 + (ROW - y) ** 2))[:, None]

    class Where(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            mass = x[:, 0] / (x[:, 0].sum(dim=(1, 2), keepdim=True) + 1e-9)
            return torch.stack([(mass * COLUMN).sum(dim=(1, 2)), (mass * ROW).sum(dim=(1, 2))], dim=1)

    latent = Latent.parse("circ:1 noise:1")
    D = DiscriminatorQ(latent, nn.Sequential(Where()), nn.Linear(2, 1), nn.Identity())
    model = Model(latent, Generator(latent, nn.Sequential(Spot()), (1, SIDE, SIDE)), D)
    scores = control_scores(model, model.sample(200, make_rng(0, "real")), make_rng(0, "control"))
    assert low <= scores["alignment_c1"]["value"] <= high
    assert (scores["readability_c1"]["value"] > 0.9) == (phase == 0)
    assert scores["isolation_c1"]["value"] == scores["uniqueness_c1"]["value"] == 1  # there is no other


def test_a_model_without_continuous_codes_has_no_scores() -> None:
    latent = Latent.parse("cat:2 noise:1")
    G = Generator(
        latent, nn.Sequential(nn.Linear(3, 16), nn.Sigmoid(), nn.Unflatten(1, (1, 4, 4))), (1, 4, 4)
    )
    D = DiscriminatorQ(latent, nn.Sequential(nn.Flatten()), nn.Linear(16, 1), nn.Linear(16, 2))
    assert (
        control_scores(Model(latent, G, D), np.zeros((10, 1, 4, 4), np.uint8), make_rng(0, "control")) == {}
    )


def test_alignment_is_the_excess_of_the_commoner_sign() -> None:
    signs = np.ones(N_CONTEXTS)
    for n_negative, expected in ((0, 1.0), (10, 0.8), (25, 0.5), (50, 0.0)):
        signs[:n_negative] = -1
        effect = Effect(np.zeros((100, 1)), np.zeros((100, 1, 1)), (signs[:, None, None],), ONE_GROUP)
        assert alignment(effect)(np.arange(N_CONTEXTS)) == pytest.approx(expected, abs=0.01)


def test_a_code_under_a_category_may_do_the_opposite_in_another() -> None:
    values, halves = (np.zeros((100, 1)), np.zeros((100, 1, 1))), np.arange(N_CONTEXTS) % 2
    signs = (2.0 * halves - 1)[:, None, None]
    of_all, within = (alignment(Effect(*values, (signs,), groups)) for groups in (ONE_GROUP, halves))
    assert of_all(np.arange(N_CONTEXTS)) == pytest.approx(0)
    assert within(np.arange(N_CONTEXTS)) == pytest.approx(1)


def test_random_signs_stay_below_the_stated_chance() -> None:
    rng = np.random.default_rng(0)
    values = np.zeros((N_CONTEXTS, 1)), np.zeros((N_CONTEXTS, 1, 1))
    draws = (tuple(rng.choice([-1.0, 1.0], (2, N_CONTEXTS, 1, 1))) for _ in range(1000))
    found = [alignment(Effect(*values, signs, ONE_GROUP))(np.arange(N_CONTEXTS)) for signs in draws]
    assert np.mean(np.array(found) > 0.2) < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 1000)


def test_the_rv_coefficient_of_straight_changes_is_a_squared_cosine() -> None:
    steps = np.linspace(-1, 1, 5)[:, None]
    a, b = np.array([3.0, 4.0]), np.array([1.0, 0.0])
    (rv,) = rv_coefficients((steps * a)[None], (steps * b)[None])
    assert rv == pytest.approx((3 / 5) ** 2)
    assert rv_coefficients((steps * a)[None], (0 * steps * b)[None])[0] == 0


def test_codes_are_varied_in_contexts_with_equally_many_of_each_category() -> None:
    model, rng = model_of(each_its_own), make_rng(0, "control")
    effects = measure_effects(model, FeatureSpaces.of_images(model.sample(9, rng)), rng)
    c1 = effects.read[:, 0, 0]  # Q reads it perfectly
    assert np.bincount(c1.astype(int)).tolist() == [N_CONTEXTS // 2] * 2
    assert set(effects.of_code) == {1, 2}
    values = effects.of_code[1].values[0]
    assert values[[0, -1]] == pytest.approx([-0.95, 0.95], abs=0.02)


def test_moments_by_hand() -> None:
    x = np.zeros((4, 3, 9, 9), np.uint8)
    x[0, :, 2:7, 4] = 255  # upright
    x[1, :, 3:8, 6] = 255  # the same, one below and two to the right
    x[2, :, [2, 3, 4, 5, 6], [6, 5, 4, 3, 2]] = 255  # leans to the right
    x[3, 0] = 255  # red
    upright, moved, leaning, red = (dict(zip(MOMENTS, row, strict=False)) for row in image_moments(x))
    assert (moved["x"] - upright["x"], moved["y"] - upright["y"]) == pytest.approx((2, 1), abs=1e-3)
    assert (upright["slant"], leaning["slant"]) == pytest.approx((0, 1), abs=1e-3)
    assert (upright["width"], leaning["width"]) == pytest.approx((0, 0), abs=1e-2)
    assert (upright["size"], leaning["size"]) == pytest.approx((math.sqrt(2), 2), abs=1e-3)
    assert (upright["orientation_cos"], leaning["orientation_cos"]) == pytest.approx((-1, 0), abs=1e-3)
    assert leaning["orientation_sin"] == pytest.approx(1, abs=1e-3)
    assert image_moments(x)[3, -3:] == pytest.approx([1, 0, 0])
    assert red["contrast"] == pytest.approx(math.sqrt(2) / 3)
