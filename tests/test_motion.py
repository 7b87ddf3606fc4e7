"""Images moved at random: each kind of motion does what its word says, to its size and not beyond."""

import math

import pytest
import torch
from infogan.pretraining.transforms import DRAWS, move
from torch import Tensor
from torch.testing import assert_close

from infogan.config.spec import MAX_TRANSFORMS, Transforms, parse_transforms
from infogan.utils.errors import InfoganError

H, W = 40, 60
STILL = 0.5  # a draw that moves nothing, but for mirror


def draws(**to: float) -> Tensor:
    """One image's draws, all still but for those named."""
    names = ("turn", "tall", "wide", "shear", "down", "right", "lit", "contrast", "mirror")
    assert len(names) == DRAWS
    return torch.tensor([[to.get(name, 1.0 if name == "mirror" else STILL)] for name in names])


def blob(y: float, x: float) -> Tensor:
    """A spot of light at a place counted from the centre in pixels, down and right."""
    down, right = torch.meshgrid(torch.arange(H) - (H - 1) / 2, torch.arange(W) - (W - 1) / 2, indexing="ij")
    return torch.exp(-((down - y) ** 2 + (right - x) ** 2) / 8)[None, None]


def centre(image: Tensor) -> tuple[float, float]:
    """Where the light is, down and right of the centre, in pixels."""
    light = image[0, 0] / image.sum()
    down, right = torch.arange(H) - (H - 1) / 2, torch.arange(W) - (W - 1) / 2
    return float((light.sum(1) * down).sum()), float((light.sum(0) * right).sum())


def moved(image: Tensor, text: str, **to: float) -> Tensor:
    return move(image, parse_transforms(text), draws(**to), low=0.0)


def test_what_draws_nothing_stays() -> None:
    x = torch.rand(1, 3, H, W, generator=torch.Generator().manual_seed(0))
    every = "rotate:0.3 scale:0.2 shear:0.2 translate:0.1 brightness:0.2 hflip:0.5"
    assert_close(move(x, parse_transforms(every), draws(), 0.0), x, atol=1e-5, rtol=0)
    assert_close(move(x, Transforms(), torch.rand(DRAWS, 1), 0.0), x, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("text", "to", "place"),
    [
        ("translate:0.1", {"down": 0.0}, (5 + 0.1 * H, 10)),
        ("translate:0.1", {"right": 1.0}, (5, 10 - 0.1 * W)),
        ("scale:0.25", {"tall": 1.0}, (5 / 1.25, 10)),
        ("scale:0.25", {"wide": 0.0}, (5, 10 / 0.75)),
        ("shear:0.2", {"shear": 1.0}, (5, 10 - 0.2 * 5)),
        ("hflip:0.4", {"mirror": 0.3}, (5, -10)),
        ("hflip:0.4", {"mirror": 0.5}, (5, 10)),
        # What lay at radius r and angle a lies at a less the turn; rows count downwards.
        (
            "rotate:0.6",
            {"turn": 1.0},
            (5 * math.cos(0.6) - 10 * math.sin(0.6), 10 * math.cos(0.6) + 5 * math.sin(0.6)),
        ),
    ],
)
def test_a_spot_of_light_goes_where_the_word_says(
    text: str, to: dict[str, float], place: tuple[float, float]
) -> None:
    found = centre(moved(blob(5, 10), text, **to))
    assert found == pytest.approx(place, abs=0.1)


def test_a_turn_keeps_distances_where_height_and_width_differ() -> None:
    """A circle stays one, to the pixel: its light is spread alike both ways."""
    image = moved(blob(3, -4), "rotate:0.7", turn=0.0)
    down, right = centre(image)
    assert math.hypot(down, right) == pytest.approx(5, abs=0.1)
    light = image[0, 0] / image.sum()
    rows, columns = torch.arange(H) - (H - 1) / 2 - down, torch.arange(W) - (W - 1) / 2 - right
    spread = [(light.sum(1) * rows**2).sum(), (light.sum(0) * columns**2).sum()]
    assert_close(spread[0], spread[1], rtol=0.02, atol=0)


@pytest.mark.parametrize("low", [0.0, -1.0])
def test_light_is_brighter_or_darker_and_stays_in_range(low: float) -> None:
    x = torch.linspace(low, 1, H * W).reshape(1, 1, H, W)
    motion = parse_transforms("brightness:0.2")
    bright, dark = (move(x, motion, draws(lit=lit), low) for lit in (1.0, 0.0))
    step = 0.2 * (1 - low)
    assert_close(bright, (x + step).clamp(max=1), atol=1e-5, rtol=0)
    assert_close(dark, (x - step).clamp(min=low), atol=1e-5, rtol=0)
    strong = move(x, motion, draws(contrast=1.0), low)
    assert_close(strong, ((x - low) * 1.2 + low).clamp(max=1), atol=1e-5, rtol=0)


def test_images_of_a_batch_move_apart_and_lead_gradients_back() -> None:
    x = blob(0, 0).repeat(50, 1, 1, 1).requires_grad_()
    u = torch.rand(DRAWS, 50, generator=torch.Generator().manual_seed(0))
    places = torch.tensor([centre(image[None]) for image in move(x, Transforms(shift=0.1), u, 0.0).detach()])
    assert places[:, 0].abs().max() <= 0.1 * H + 0.1
    assert places.std(dim=0).min() > 1.5  # of a uniform law, 0.1 H 2 / sqrt(12) = 2.3 down
    move(x, Transforms(shift=0.1), u, 0.0).sum().backward()
    assert x.grad is not None
    assert (x.grad[:, :, H // 2, W // 2] > 0).all()


def test_words_are_read_and_wrong_ones_told() -> None:
    assert parse_transforms(" hflip:0.5  rotate:0.25 ") == Transforms(rotate=0.25, hflip=0.5)
    assert parse_transforms("") == Transforms()
    for text, said in {
        "rotat:0.1": "did you mean 'rotate'",
        "rotate": "'rotate' is not of the form KIND:SIZE, such as rotate:0.1",
        "rotate:x": "is not of the form",
        "translate:0.6": "'translate:0.6' is out of range; translate takes 0 to 0.5",
        "translate:nan": "out of range",
        "translate:-0.1": "out of range",
        "hflip:1 hflip:1": "names hflip a second time",
    }.items():
        with pytest.raises(InfoganError, match=said):
            parse_transforms(text)
    assert parse_transforms(" ".join(f"{kind}:{size}" for kind, size in MAX_TRANSFORMS._asdict().items()))
