"""Random transforms: each does what its name says, up to its size and no further."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.testing import assert_close

from infogan.config.transforms import MAX_TRANSFORMS, Transforms, parse_transforms
from infogan.method.transforms import N_UNIFORMS, transform
from infogan.utils.errors import InfoganError

H, W = 40, 60
NAMES = ("rotate", "tall", "wide", "shear", "down", "right", "bright", "contrast", "hflip")
# Places from the centre, in pixels.
DOWN, RIGHT = torch.arange(H) - (H - 1) / 2, torch.arange(W) - (W - 1) / 2


def uniforms(**given: float) -> Tensor:
    """The draws for one image; all but those given change nothing."""
    assert len(NAMES) == N_UNIFORMS
    return torch.tensor([[given.get(name, 1.0 if name == "hflip" else 0.5)] for name in NAMES])


def blob(y: float, x: float) -> Tensor:
    """A spot of light, y pixels below and x to the right of the centre."""
    return torch.exp(-((DOWN[:, None] - y) ** 2 + (RIGHT - x) ** 2) / 8)[None, None]


def centre(image: Tensor) -> tuple[float, float]:
    light = image[0, 0] / image.sum()
    return float((light.sum(1) * DOWN).sum()), float((light.sum(0) * RIGHT).sum())


def transformed(image: Tensor, text: str, **given: float) -> Tensor:
    return transform(image, parse_transforms(text), uniforms(**given), low=0.0)


def test_neutral_draws_and_no_transforms_change_nothing() -> None:
    x = torch.rand(1, 3, H, W, generator=torch.Generator().manual_seed(0))
    every = "rotate:0.3 scale:0.2 shear:0.2 translate:0.1 brightness:0.2 hflip:0.5"
    assert_close(transformed(x, every), x, atol=1e-5, rtol=0)
    assert_close(transform(x, Transforms(), torch.rand(N_UNIFORMS, 1), 0.0), x, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("text", "given", "place"),
    [
        ("translate:0.1", {"down": 0.0}, (5 + 0.1 * H, 10)),
        ("translate:0.1", {"right": 1.0}, (5, 10 - 0.1 * W)),
        ("scale:0.25", {"tall": 1.0}, (5 / 1.25, 10)),
        ("scale:0.25", {"wide": 0.0}, (5, 10 / 0.75)),
        ("shear:0.2", {"shear": 1.0}, (5, 10 - 0.2 * 5)),
        ("hflip:0.4", {"hflip": 0.3}, (5, -10)),
        ("hflip:0.4", {"hflip": 0.5}, (5, 10)),
        # By -0.6 radians, as rows count downwards.
        (
            "rotate:0.6",
            {"rotate": 1.0},
            (5 * math.cos(0.6) - 10 * math.sin(0.6), 10 * math.cos(0.6) + 5 * math.sin(0.6)),
        ),
    ],
)
def test_a_spot_of_light_goes_where_the_name_says(
    text: str, given: dict[str, float], place: tuple[float, float]
) -> None:
    assert centre(transformed(blob(5, 10), text, **given)) == pytest.approx(place, abs=0.1)


def test_a_rotation_keeps_distances_if_height_and_width_differ() -> None:
    """A circle stays a circle: its light is spread equally in both directions."""
    image = transformed(blob(3, -4), "rotate:0.7", rotate=0.0)
    y, x = centre(image)
    assert math.hypot(y, x) == pytest.approx(5, abs=0.1)
    light = image[0, 0] / image.sum()
    spread = [(light.sum(1) * (DOWN - y) ** 2).sum(), (light.sum(0) * (RIGHT - x) ** 2).sum()]
    assert_close(spread[0], spread[1], rtol=0.02, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_grid_is_torchs_affine_grid(dtype: torch.dtype) -> None:
    x = torch.rand(5, 2, 9, 14, dtype=dtype, generator=torch.Generator().manual_seed(0))
    angle = 0.5 * (2 * torch.rand(5, dtype=dtype, generator=torch.Generator().manual_seed(1)) - 1)
    u = uniforms().to(dtype).repeat(1, 5)
    u[0] = angle + 0.5
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    theta = torch.stack([cos, -sin * (9 / 14), zero, sin * (14 / 9), cos, zero], dim=1).view(5, 2, 3)
    grid = F.affine_grid(theta, [5, 1, 9, 14], align_corners=False)
    expected = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
    found = transform(x, Transforms(rotate=0.5), u, 0.0)
    assert_close(found, expected, rtol=0, atol=2e-6 if dtype == torch.float32 else 1e-14)


@pytest.mark.parametrize("low", [0.0, -1.0])
def test_light_is_brighter_or_darker_and_stays_in_range(low: float) -> None:
    x = torch.linspace(low, 1, H * W).reshape(1, 1, H, W)
    transforms, step = Transforms(brightness=0.2), 0.2 * (1 - low)
    for given, expected in (
        ({"bright": 1.0}, x + step),
        ({"bright": 0.0}, x - step),
        ({"contrast": 1.0}, (x - low) * 1.2 + low),
    ):
        found = transform(x, transforms, uniforms(**given), low)
        assert_close(found, expected.clamp(low, 1), atol=1e-5, rtol=0)


def test_images_of_a_batch_have_their_own_draws_and_get_gradients_back() -> None:
    x = blob(0, 0).repeat(50, 1, 1, 1).requires_grad_()
    u = torch.rand(N_UNIFORMS, 50, generator=torch.Generator().manual_seed(0))
    found = transform(x, Transforms(translate=0.1), u, 0.0)
    places = torch.tensor([centre(image[None]) for image in found.detach()])
    assert places[:, 0].abs().max() <= 0.1 * H + 0.1
    assert places.std(dim=0).min() > 1.5  # of a uniform distribution, 0.1 H 2 / sqrt(12) = 2.3 down
    found.sum().backward()
    assert x.grad is not None
    assert (x.grad[:, :, H // 2, W // 2] > 0).all()


def test_words_are_parsed() -> None:
    assert parse_transforms(" hflip:0.5  rotate:0.25 ") == Transforms(rotate=0.25, hflip=0.5)
    assert parse_transforms("") == Transforms()
    largest = MAX_TRANSFORMS._asdict().items()
    assert parse_transforms(" ".join(f"{name}:{size}" for name, size in largest)) == MAX_TRANSFORMS


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("rotat:0.1", "did you mean 'rotate'"),
        ("rotate", "'rotate' is not of the form NAME:SIZE, such as rotate:0.1"),
        ("rotate:x", "is not of the form"),
        ("translate:0.6", "'translate:0.6' is out of range; translate takes 0 to 0.5"),
        ("translate:nan", "out of range"),
        ("translate:-0.1", "out of range"),
        ("hflip:1 hflip:1", "names hflip a second time"),
    ],
)
def test_wrong_words_are_refused(text: str, sentence: str) -> None:
    with pytest.raises(InfoganError, match=sentence):
        parse_transforms(text)
