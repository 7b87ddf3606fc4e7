"""Sprites: the grid of factors, the geometry of the shapes, and images by index."""

import math

import numpy as np
import pytest
import torch
from jaxtyping import Bool
from torch import Tensor
from torch.testing import assert_close

from infogan.data.images import Factors
from infogan.data.options import LoadOptions
from infogan.data.synthetic.sprites import (
    CENTROID_OFFSET,
    ELLIPSE,
    FACTORS,
    GRID,
    HEART,
    SPRITES,
    SQUARE,
    Sprites,
    render_sprites,
)
from infogan.utils.rng import make_rng

VALUES = Factors.on_grid(FACTORS, GRID).values
SHAPES = {"square": 0, "ellipse": 1, "heart": 2}
AREAS = {
    "square": 4 * SQUARE**2,
    "ellipse": math.pi * ELLIPSE[0] * ELLIPSE[1],
    "heart": (4 + math.pi) * HEART**2,
}
SIZES = (3, 6, 40, 32, 32)


def white_mask(
    shape: str, scale: float = 1.0, angle: float = 0.0, x: float = 0.5, y: float = 0.5
) -> Bool[Tensor, "64 64"]:
    """The white pixels of an image."""
    return render_sprites(torch.tensor([[SHAPES[shape], scale, angle, x, y]], dtype=torch.float64))[0, 0] > 0


def random_indices(n: int) -> Tensor:
    return torch.randint(SPRITES.splits["train"], (n,), generator=make_rng(0, "sprites"))


def white_pixels(values: np.ndarray) -> Bool[np.ndarray, "64 64"]:
    """An independent implementation: complex numbers, and the ellipse by the distances to its foci."""
    shape, scale, angle, x, y = values
    row, col = np.mgrid[:64, :64]
    z = ((col - 16 - 31 * x) - 1j * (row - 16 - 31 * y)) * np.exp(-1j * angle) / scale
    if shape == 0:
        return (abs(z.real) < SQUARE) & (abs(z.imag) < SQUARE)
    if shape == 1:
        focus = math.sqrt(ELLIPSE[0] ** 2 - ELLIPSE[1] ** 2)
        return abs(z - focus) + abs(z + focus) < 2 * ELLIPSE[0]
    z = z + 1j * math.sqrt(2) * CENTROID_OFFSET * HEART  # relative to the centre of the heart's square
    disc = [abs(z - HEART * np.exp(1j * math.pi * q)) < HEART for q in (1 / 4, 3 / 4)]
    return (abs(z.real) + abs(z.imag) < math.sqrt(2) * HEART) | disc[0] | disc[1]


def test_grid_order() -> None:
    values = VALUES
    position = [np.unique(values[:, f], return_inverse=True) for f in range(5)]
    assert tuple(len(levels) for levels, _ in position) == SIZES
    assert_close(np.ravel_multi_index([where for _, where in position], SIZES), np.arange(737_280))
    assert_close(position[1][0], np.array([0.5, 0.6, 0.7, 0.8, 0.9, 1.0]))
    assert_close(position[2][0], np.linspace(0, 2 * np.pi, 40))


def test_dataset_info() -> None:
    images = SPRITES.load(LoadOptions(), "train")
    assert len(images) == SPRITES.splits["train"] == 737_280
    assert images.shape == SPRITES.shape == (1, 64, 64)
    assert images.labels is not None
    assert_close(np.bincount(images.labels.numbers), np.full(3, 245_760))
    assert images.factors is not None
    assert images.factors.columns == FACTORS == SPRITES.factors
    sample = images.subsample(50)
    assert sample.factors is not None
    assert_close(
        sample.pixels.take(torch.arange(50)), render_sprites(torch.from_numpy(sample.factors.values))
    )


def test_independent_implementation() -> None:
    index = random_indices(300)
    expected = np.stack([white_pixels(values) for values in VALUES[index.numpy()]])
    assert_close(Sprites().take(index)[:, 0].numpy(), expected.astype(np.uint8) * np.uint8(255))


def test_take_matches_render_sprites() -> None:
    index = torch.cat([random_indices(2000), torch.tensor([0, 737_279])])
    values = torch.from_numpy(VALUES[index.numpy()])
    assert_close(Sprites().take(index), render_sprites(values))
    assert_close(Sprites().take(index), render_sprites(values.float()))


def test_images_do_not_depend_on_the_batch() -> None:
    index = random_indices(200)
    pixels = Sprites()
    together = pixels.take(index)
    assert_close(torch.cat([pixels.take(part) for part in index.split(7)]), together)
    assert_close(pixels.to(torch.device("cpu")).take(index.flip(0)), together.flip(0))
    assert len(together.unique(dim=0)) > 190


def test_take_returns_a_copy() -> None:
    index = torch.tensor([0])
    before = Sprites().take(index)
    Sprites().take(index).fill_(7)
    assert_close(Sprites().take(index), before)


def test_index_out_of_range() -> None:
    with pytest.raises(IndexError):
        Sprites().take(torch.tensor([737_280]))


@pytest.mark.parametrize("scale", [0.5, 0.73, 1.0])
def test_upright_square(scale: float) -> None:
    white = white_mask("square", scale, x=0, y=1)  # the centroid at column 16 and row 47
    half = math.floor(SQUARE * scale)
    expected = torch.zeros(64, 64, dtype=torch.bool)
    expected[47 - half : 48 + half, 16 - half : 17 + half] = True
    assert_close(white, expected)


@pytest.mark.parametrize("angle", [0.0, 0.4, 1.1])
def test_symmetries(angle: float) -> None:
    assert_close(white_mask("square", angle=angle + math.pi / 2), white_mask("square", angle=angle))
    assert_close(white_mask("ellipse", angle=angle + math.pi), white_mask("ellipse", angle=angle))
    assert not white_mask("ellipse", angle=angle + math.pi / 2).equal(white_mask("ellipse", angle=angle))
    assert not white_mask("heart", angle=angle + math.pi).equal(white_mask("heart", angle=angle))
    upright = white_mask("heart")
    assert_close(upright.flip(1), upright)


@pytest.mark.parametrize("shape", SHAPES)
def test_orientation_is_counterclockwise(shape: str) -> None:
    assert_close(white_mask(shape, angle=0.3 + math.pi / 2), white_mask(shape, angle=0.3).rot90(1, (0, 1)))


def test_ellipse_is_twice_as_wide_as_high() -> None:
    white = white_mask("ellipse", x=0, y=0)  # half axes of 15.4 and 7.7 pixels about the centre of a pixel
    assert (white.any(dim=0).sum(), white.any(dim=1).sum()) == (31, 15)


def test_heart_stands_on_its_tip() -> None:
    rows = white_mask("heart").sum(dim=1)
    rows = rows[rows > 0]
    assert rows[-1] <= 2
    assert rows.argmax() < len(rows) / 2


def test_last_orientation_equals_the_first() -> None:
    first = torch.arange(18).repeat_interleave(9) * 40 * 1024 + random_indices(162) % 1024
    assert_close(Sprites().take(first + 39 * 1024), Sprites().take(first))


@pytest.mark.parametrize("shape", SHAPES)
def test_step_in_x_or_y_is_one_pixel(shape: str) -> None:
    start = white_mask(shape, angle=0.7, x=0, y=0)
    for steps in (1, 16, 31):
        assert_close(white_mask(shape, angle=0.7, x=steps / 31, y=0), start.roll(steps, 1))
        assert_close(white_mask(shape, angle=0.7, x=0, y=steps / 31), start.roll(steps, 0))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale", [0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
def test_area_is_proportional_to_squared_scale(shape: str, scale: float) -> None:
    angles = torch.linspace(0, 2 * math.pi, 40)
    values = torch.tensor([[SHAPES[shape], scale, 0, 0.5, 0.5]]).repeat(40, 1)
    values[:, 2] = angles
    area = (render_sprites(values) > 0).sum(dim=(1, 2, 3)).double().mean().item()
    assert area == pytest.approx(AREAS[shape] * scale**2, rel=0.02)


def test_centroid_matches_x_and_y() -> None:
    index = random_indices(2000)
    white = (Sprites().take(index)[:, 0] > 0).double()
    area = white.sum(dim=(1, 2))
    at = torch.arange(64).double()
    x = (white.sum(dim=1) @ at) / area
    y = (white.sum(dim=2) @ at) / area
    expected = 16 + 31 * torch.from_numpy(VALUES[index.numpy(), 3:])
    away = torch.stack([x, y], dim=1) - expected
    assert away.abs().max() < 0.3
    assert away.mean(dim=0).abs().max() < 0.01


def test_forms_are_black_and_white_and_complete_in_every_corner() -> None:
    form = torch.arange(720)[:, None] * 1024
    corner = torch.tensor([0, 31, 31 * 32, 31 * 32 + 31])
    x = Sprites().take((form + corner).flatten())
    assert set(x.unique().tolist()) == {0, 255}
    border = torch.ones(64, 64, dtype=torch.bool)
    border[1:-1, 1:-1] = False
    assert not x[:, 0, border].any()
    middle = Sprites().take(form.flatten() + 16 * 32 + 16)
    area = (x > 0).sum(dim=(1, 2, 3)).view(720, 4)
    assert_close(area, (middle > 0).sum(dim=(1, 2, 3))[:, None].expand(720, 4))
