"""The motion of known warps of images, alone and under changing light."""

import math

import numpy as np
import pytest
import torch
from jaxtyping import Float, UInt8
from torch.nn import functional as F

from infogan.evaluation.control.motion import MOTIONS, motion

N, SIDE = 12, 32


def textures(n: int = N) -> torch.Tensor:
    """Smooth random images without an edge at the border, on a gray ground."""
    rng = torch.Generator().manual_seed(0)
    x = F.interpolate(
        torch.rand(n, 1, 8, 8, generator=rng), (SIDE, SIDE), mode="bicubic", align_corners=False
    )
    row, column = torch.meshgrid(*(torch.linspace(-1, 1, SIDE) for _ in range(2)), indexing="ij")
    window = (1.3 - 1.3 * (row**2 + column**2)).clamp(0, 1)
    return 0.4 + (x.clamp(0, 1) - 0.4) * window


def warped(x: torch.Tensor, matrix: list[list[float]]) -> torch.Tensor:
    """x(A p), so things move by the inverse of A."""
    grid = F.affine_grid(torch.tensor(matrix).expand(len(x), 2, 3), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def sequence(images: list[torch.Tensor]) -> UInt8[np.ndarray, "n m 1 h w"]:
    return (torch.stack(images, dim=1) * 255).round().clamp(0, 255).byte().numpy()


def main_motion(x: UInt8[np.ndarray, "n m 1 h w"]) -> tuple[str, Float[np.ndarray, "n"]]:
    """The motion that is strongest in the mean, and its size in each sequence."""
    total = motion(x).steps.sum(axis=1)
    i = int(np.abs(total.mean(axis=0)).argmax())
    return MOTIONS[i], total[:, i]


def test_a_shift_is_measured_in_pixels() -> None:
    x = textures()
    shifts = [warped(x, [[1, 0, -2 * d / SIDE], [0, 1, 0]]) for d in (0.0, 0.8, 1.6, 2.4)]
    name, size = main_motion(sequence(shifts))
    assert name == "right"
    assert size == pytest.approx(np.full(N, 2.4), abs=0.5)
    name, size = main_motion(sequence(shifts[::-1]))
    assert name == "right"
    assert size == pytest.approx(np.full(N, -2.4), abs=0.5)


@pytest.mark.parametrize(
    ("name", "matrix"),
    [
        ("down", [[1.0, 0.0, 0.0], [0.0, 1.0, -0.08]]),
        ("size", [[0.95, 0.0, 0.0], [0.0, 0.95, 0.0]]),
        ("rotation", [[math.cos(0.08), math.sin(0.08), 0.0], [-math.sin(0.08), math.cos(0.08), 0.0]]),
        ("ratio", [[0.94, 0.0, 0.0], [0.0, 1.06, 0.0]]),
        ("diagonal", [[1.0, -0.06, 0.0], [-0.06, 1.0, 0.0]]),
    ],
)
def test_each_motion_is_told_from_the_others_in_every_image(name: str, matrix: list[list[float]]) -> None:
    x = textures()
    found, size = main_motion(sequence([x, warped(x, matrix)]))
    assert found == name
    assert (size > 0.3).all()


def test_a_horizontal_slant_is_half_a_rotation_and_half_a_diagonal() -> None:
    x = textures()
    total = motion(sequence([x, warped(x, [[1, 0.12, 0], [0, 1, 0]])])).steps[:, 0].mean(axis=0)
    rotation, diagonal = total[MOTIONS.index("rotation")], total[MOTIONS.index("diagonal")]
    assert abs(rotation) == pytest.approx(abs(diagonal), rel=0.2)
    assert np.abs(np.delete(total, [3, 5])).max() < 0.3 * abs(rotation)


def test_light_is_no_motion() -> None:
    x = textures()
    slope = torch.linspace(-0.1, 0.1, SIDE)
    found = motion(sequence([x, 0.8 * x + 0.1 + slope]))
    assert np.abs(found.steps).max() < 0.25
    both = motion(sequence([x, warped(0.8 * x + 0.1 + slope, [[1, 0, -0.08], [0, 1, 0]])]))
    assert both.steps[:, 0, 0] == pytest.approx(np.full(N, 0.08 * SIDE / 2), abs=0.4)
    assert (both.share > 0.7).all()


def test_motion_explains_little_of_a_change_to_another_image() -> None:
    x = textures(2 * N)
    assert np.median(motion(sequence([x[:N], x[N:]])).share) < 0.5


def test_constant_images_do_not_move() -> None:
    found = motion(np.full((3, 4, 3, 16, 12), 7, np.uint8))
    assert np.abs(found.steps).max() < 1e-6
    assert found.share.tolist() == [0, 0, 0]
