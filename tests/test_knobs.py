"""Knobs: which codes follow which transforms, and the stage that learns to read them off images."""

import math
import re
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor
from torch.testing import assert_close

from infogan.config import Config
from infogan.config.knobs import assign_knobs
from infogan.data.images import Images
from infogan.method.codes import Categorical, Circular, Gaussian, Uniform
from infogan.method.model import make_model
from infogan.pretraining import Outcome, Targets
from infogan.pretraining.equivariance import Equivariance
from infogan.pretraining.equivariance.poses import compose, no_pose, relit
from infogan.pretraining.equivariance.reader import PoseReader
from infogan.pretraining.equivariance.targets import PoseReadings, make_targets
from infogan.pretraining.ranks import uniform_ranks
from infogan.runs.run import Run
from infogan.training.pretrained import record_outcome
from infogan.training.trainer import Trainer
from infogan.utils.errors import InfoganError

SIDE = 32
CONFIG = Config.from_options(
    images="none",
    architecture="small",
    shape=(1, SIDE, SIDE),
    codes="unif:3 noise:4",
    knobs="translate shear",
    knob_steps=160,
    batch_size=16,
    steps=4,
    device="cpu",
)


def bars(n: int, rng: np.random.Generator, ground: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Bright bars on a plain ground, and their places (right, down) and shears."""
    truth = np.column_stack([rng.uniform(-0.3, 0.3, (n, 2)), rng.uniform(-0.6, 0.6, n)])
    axis = (np.arange(SIDE) + 0.5) * 2 / SIDE - 1
    right, down = axis - truth[:, 0, None], axis - truth[:, 1, None]
    slanted = right[:, None, :] - truth[:, 2, None, None] * down[:, :, None]
    inside = np.clip(4 - 32 * np.abs(slanted), 0, 1) * np.clip(8 - 16 * np.abs(down), 0, 1)[:, :, None]
    pixels = ground + (250 - ground) * inside
    return pixels.round().astype(np.uint8)[:, None], truth


@pytest.fixture(scope="module")
def found() -> tuple[Equivariance, np.ndarray]:
    x, truth = bars(600, np.random.default_rng(0), ground=60)
    stage = stage_of(CONFIG, x)
    assert list(dict.fromkeys(stage.run(Targets()))) == list(range(1, 161))
    return stage, truth


def stage_of(config: Config, x: np.ndarray) -> Equivariance:
    trainer = Trainer(config, make_model(config), Images.from_arrays(x))
    return Equivariance(trainer.model, trainer.batches.pixels, config, trainer.fabric)


def test_place_and_shear_are_read_off_images_without_a_label(found: tuple[Equivariance, np.ndarray]) -> None:
    stage, truth = found
    tables = stage.outcome.targets.by_code
    for i in range(3):
        table = tables[i][:, 0].float()
        assert abs(spearmanr(table, truth[:, i]).statistic) > 0.95
        assert_close(table.sort().values, (2 * torch.arange(600) + 1) / 600 - 1, atol=2e-3, rtol=0)
    assert re.search(r"knob translate, right: R2 (0\.9|1\.0)\d of random changes\n", stage.outcome.message)
    assert stage.outcome.names == {0: "right", 1: "down", 2: "slant"}


def test_the_stage_is_deterministic() -> None:
    config = CONFIG.replace(knob_steps=4)
    x, _ = bars(40, np.random.default_rng(1))
    tables = []
    for seed in (0, 0, 1):
        stage = stage_of(config.replace(seed=seed), x)
        list(stage.run(Targets()))
        torch.rand(3)  # no global state
        tables.append(stage.reader.columns(torch.from_numpy(x).float() / 255))
    assert torch.equal(tables[0], tables[1])
    assert not torch.equal(tables[0], tables[2])


def test_knobs_that_cannot_be_read_are_said_to_be_so_and_not_used() -> None:
    """On pictures of noise no network can tell a shear."""
    noise = np.random.default_rng(0).integers(0, 256, (200, 1, SIDE, SIDE), np.uint8)
    stage = stage_of(CONFIG.replace(codes="cat:2 unif:1 noise:4", knobs="shear", knob_steps=5), noise)
    list(stage.run(Targets()))
    assert stage.outcome.targets.by_code == {}
    assert "cannot be read, not used" in stage.outcome.message
    assert stage.outcome.names == {}


def test_a_run_names_the_codes_of_its_knobs_unless_they_have_a_name(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", CONFIG, 10)
    run.write_json("names.json", {"c1": "place", "c9": "none"})
    outcome = Outcome(Targets(), "", names={0: "right", 2: "slant"})
    record_outcome(run, outcome, CONFIG, writes=True)
    assert run.code_names() == {"c1": "place", "c3": "slant"}


def test_a_shift_of_pictures_that_fill_their_frame_is_refused_before_training() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 1, SIDE, SIDE), np.uint8)
    with pytest.raises(InfoganError, match=r"translate cannot be read .* 100% show something at their edge"):
        Trainer(CONFIG, make_model(CONFIG), Images.from_arrays(noise))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"knobs": "shear shear"}, "shear is named twice"),
        ({"knobs": "sheer"}, "unknown transform 'sheer'.*shear"),
        ({"knobs": "hflip"}, "set mirror to the number of codes"),
        ({"knobs": "rotate ratio", "codes": "unif:2 circ:1"}, "name rotate or ratio, not both"),
        ({"knobs": "rotate pitch", "codes": "unif:1 circ:1"}, "name rotate or pitch, not both"),
        ({"knobs": "rotate"}, "rotate needs circ:1.*add circ:1 to codes"),
        ({"knobs": "translate scale shear"}, "shear needs unif:1"),
        ({"transforms": "shear:0.2", "pretraining_steps": 3}, "shear is also among the transforms"),
        ({"architecture": "vectors", "shape": (1, 1, 9)}, "knobs.*empty for vectors"),
    ],
)
def test_bad_knobs_end_in_one_sentence(options: dict[str, object], message: str) -> None:
    with pytest.raises(InfoganError, match=message):
        CONFIG.replace(**options)


def test_knobs_take_the_first_free_codes_of_their_kind() -> None:
    kinds = ["cat", "unif", "circ", "gauss", "unif", "bern"]
    assert assign_knobs("rotate scale", kinds) == {"rotate": (2,), "scale": (1,)}
    assert assign_knobs("shear translate", kinds) == {"shear": (1,), "translate": (3, 4)}
    assert assign_knobs("", kinds) == {}


def reading(numbers: Tensor, **fields: Tensor) -> PoseReadings:
    n, d = numbers.shape
    u = torch.zeros(n, 6, dtype=torch.complex64)
    zeros = {"rms": torch.zeros(d), "change": torch.zeros(d), "turn_information": torch.zeros(6)}
    fields = {"u": u, "R2": torch.ones(d)} | zeros | fields
    return PoseReadings(numbers=numbers, features=torch.zeros(n, 0), **fields)


def test_ranks_are_uniform_within_each_group() -> None:
    """So a number says nothing about the category, as P(c) has it."""
    groups = torch.tensor([0, 1]).repeat(50)
    values = torch.randn(100, generator=torch.Generator().manual_seed(0)) + 10 * groups
    found = uniform_ranks(values, groups)
    for group in (0, 1):
        of = found[groups == group]
        assert_close(of.sort().values, (2 * torch.arange(50) + 1) / 50 - 1)
        assert spearmanr(of, values[groups == group]).statistic == pytest.approx(1)


def test_a_gaussian_code_gets_normal_targets() -> None:
    values = torch.rand(1000, 1, generator=torch.Generator().manual_seed(0))
    targets, _ = make_targets(reading(values), {"scale": (0,)}, [Gaussian()], None, None, 0)
    table = targets.by_code[0].float()
    assert abs(float(table.mean())) < 1e-3
    assert float(table.std()) == pytest.approx(1, abs=0.01)


def test_a_crop_does_not_depend_on_the_light_that_a_knob_follows() -> None:
    """The same image, darker and lit from one side, read as such, gives the same crop."""
    sizes = {"brightness": 0.4, "illumination": 0.3}
    codes_of = {"scale": (0,), "brightness": (1,), "illumination": (2, 3)}
    reader = PoseReader(1, codes_of, sizes, 4, 0, torch.device("cpu"), nullcontext)
    x = 0.2 + 0.2 * torch.rand(5, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    pose, T, still = no_pose(5, x.device), reader.sample(5), torch.zeros(5)
    lit = reader.crop(relit(T, x, 1.0), compose(T, pose), still)
    assert_close(lit, reader.crop(x, pose, still), atol=1e-5, rtol=0)
    assert (relit(T, x, 1.0) - x).abs().max() > 0.05


def test_an_angle_is_that_of_the_lowest_harmonic_of_its_category() -> None:
    """Things of category 1 look the same after half a turn: u_1 is 0, and the angle turns twice as fast."""
    angle = torch.linspace(0, 6, 200)
    group = torch.tensor([0, 1]).repeat(100)
    u = torch.zeros(200, 6, dtype=torch.complex64)
    u[:, 1] = torch.polar(torch.full((200,), 0.9), 2 * angle)
    u[group == 0, 0] = torch.polar(torch.full((100,), 0.8), angle[group == 0])
    known = torch.nn.functional.one_hot(group, 2).float()
    made = reading(torch.zeros(200, 0), u=u, turn_information=torch.full((6,), 2.0))
    codes = [Categorical(2), Circular()]
    targets, message = make_targets(made, {"rotate": (1,)}, codes, known, None, 0)
    x, y = targets.by_code[1].float().unbind(dim=1)
    difference = torch.atan2(y, x) - angle * (1 + group)
    assert_close(difference.cos(), torch.ones(200), atol=1e-3, rtol=0)
    assert "the same after 1/1, 1/2 of a turn" in message
    assert set(targets.by_code) == {1}
    weak, message = make_targets(reading(torch.zeros(200, 0), u=u), {"rotate": (1,)}, codes, known, None, 0)
    assert weak.by_code == {}
    assert "cannot be read" in message


@pytest.mark.parametrize("order", [("translate", "scale", "rotate"), ("rotate", "scale", "translate")])
def test_places_do_not_depend_on_the_angle_in_any_order_of_the_knobs(order: tuple[str, ...]) -> None:
    """The network may read a point off the centre, which goes around as the thing turns."""
    rng = torch.Generator().manual_seed(0)
    centre, size = 2 * torch.rand(500, 2, generator=rng) - 1, 0.3 * torch.rand(500, generator=rng)
    angle = 2 * math.pi * torch.rand(500, generator=rng)
    arm = 0.4 * torch.polar(size.exp(), angle + 1)
    parts = {"translate": centre + torch.view_as_real(arm), "scale": size[:, None]}
    u = torch.zeros(500, 6, dtype=torch.complex64)
    u[:, 0] = torch.polar(torch.ones(500), angle)
    numbers = torch.cat([parts[knob] for knob in order if knob in parts], dim=1)
    made = reading(numbers, u=u, turn_information=torch.full((6,), 2.0))
    codes = [Uniform(), Uniform(), Uniform(), Circular()]
    of_knob = {"translate": (0, 1), "scale": (2,), "rotate": (3,)}
    targets, _ = make_targets(made, {knob: of_knob[knob] for knob in order}, codes, None, None, 0)
    for i, truth in enumerate((*centre.T, size)):
        assert spearmanr(targets.by_code[i][:, 0].float(), truth).statistic > 0.99


def test_places_are_compared_between_categories_and_sizes_within_them() -> None:
    """Things of category 1 are on the left and large: place says so, size is relative to the category."""
    rng = torch.Generator().manual_seed(0)
    group = torch.tensor([0, 1]).repeat(100)
    centre, size = torch.rand(200, 2, generator=rng), torch.rand(200, 1, generator=rng)
    angle = 2 * math.pi * torch.rand(200, generator=rng)
    u = torch.zeros(200, 6, dtype=torch.complex64)
    u[:, 3] = torch.polar(torch.ones(200), 4 * angle)  # squares, which have one centre
    numbers = torch.cat([centre - group[:, None], size + group[:, None]], dim=1)
    made = reading(numbers, u=u, turn_information=torch.full((6,), 2.0))
    codes = [Categorical(2), Uniform(), Uniform(), Uniform(), Circular()]
    of_knob = {"translate": (1, 2), "scale": (3,), "rotate": (4,)}
    known = torch.nn.functional.one_hot(group, 2).float()
    targets, _ = make_targets(made, of_knob, codes, known, None, 0)
    x, size_target = targets.by_code[1].float()[:, 0], targets.by_code[3].float()[:, 0]
    assert (x[group == 1] < 0).all()
    assert (x[group == 0] > 0).all()
    for k in (0, 1):
        assert size_target[group == k].mean().abs() < 1e-3


@pytest.mark.parametrize("field", ["rms", "change"])
def test_numbers_that_hardly_vary_are_not_used(field: str) -> None:
    """The first varies by less than the error of its reading, or than a seventh of the random changes."""
    values = torch.tensor([0.01, 1.0]) * torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
    made = reading(values, **{field: torch.full((2,), 0.1)})
    targets, message = make_targets(made, {"translate": (0, 1)}, [Uniform(), Uniform()], None, None, 0)
    assert set(targets.by_code) == {1}
    assert re.search(
        "knob translate, right: R2 1.00 of random changes: hardly varies, not used$", message, re.M
    )


def balls(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Gray discs with a bright spot that moves as on the front of a ball, and how far that turned down."""
    turn = rng.uniform(-0.35, 0.35, (n, 2))
    axis = (np.arange(SIDE) + 0.5) * 2 / SIDE - 1
    from_centre = np.sqrt(axis**2 + axis[:, None] ** 2)
    disc = np.clip(8 - 16 * (from_centre - 0.2), 0, 1)
    right, down = axis - 0.7 * turn[:, 0, None], axis - 0.7 * turn[:, 1, None]
    spot = np.exp(-30 * (right[:, None, :] ** 2 + down[:, :, None] ** 2))
    return (110 * disc + 140 * disc * spot).round().astype(np.uint8)[:, None], turn[:, 1]


def test_how_far_a_thing_is_turned_in_depth_is_read_without_a_label() -> None:
    x, truth = balls(600, np.random.default_rng(0))
    stage = stage_of(CONFIG.replace(codes="unif:1 noise:4", knobs="pitch", knob_steps=200), x)
    list(stage.run(Targets()))
    assert spearmanr(stage.outcome.targets.by_code[0][:, 0].float(), truth).statistic > 0.9
    assert stage.outcome.names == {0: "turned down"}
