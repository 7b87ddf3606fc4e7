"""The transforms of the equivariance stage: a group, which acts on poses and on pictures alike."""

import math

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from infogan.pretraining.equivariance.angles import information, turned
from infogan.pretraining.equivariance.poses import (
    BALL_RADIUS,
    Pose,
    compose,
    compose_inverse,
    moved,
    no_pose,
    pose_from_columns,
    relit,
    sample_transforms,
    touches_edge,
)

LIGHT = {"brightness": 0.4, "illumination": 1.0}
DEPTH = {"yaw": 0.5, "pitch": 0.5}
TURNING = {"translate": 0.3, "scale": 0.3, "rotate": math.pi, **LIGHT, **DEPTH}
SHEARING = {"translate": 0.3, "scale": 0.3, "ratio": 0.3, "shear": 0.4, **LIGHT}


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def disc(x: float, y: float, radius: float) -> Tensor:
    """A blurred disc in a picture whose sides reach from -1 to 1."""
    axis = (torch.arange(64) + 0.5) / 32 - 1
    distance = ((axis - x) ** 2 + (axis[:, None] - y) ** 2).sqrt()
    return (0.5 - 16 * (distance - radius)).clamp(0, 1)[None, None]


def moments(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Centre (right, down), area and the 2x2 covariance of the brightness of one picture."""
    axis = (torch.arange(x.shape[-1]) + 0.5) * 2 / x.shape[-1] - 1
    q = torch.stack(torch.meshgrid(axis, axis, indexing="xy")).flatten(1)
    mass = x[0, 0].flatten()
    centre = (q * mass).sum(dim=1) / mass.sum()
    offset = q - centre[:, None]
    return centre, mass.sum(), (offset * mass) @ offset.T / mass.sum()


@pytest.mark.parametrize("sizes", [TURNING, SHEARING])
def test_before_undoes_after_and_after_is_associative(sizes: dict[str, float]) -> None:
    S, T, pose = (Pose(*(v.double() for v in sample_transforms(20, sizes, rng(i)))) for i in range(3))
    for found, expected in zip(compose_inverse(T, compose(T, pose)), pose, strict=True):
        assert_close(found, expected)
    for found, expected in zip(compose(S, compose(T, pose)), compose(compose(S, T), pose), strict=True):
        assert_close(found, expected)
    assert_close(compose(S, T).matrix(), S.matrix() @ T.matrix())


@pytest.mark.parametrize("sizes", [TURNING, SHEARING])
def test_a_picture_moves_as_its_pose_does(sizes: dict[str, float]) -> None:
    """The centre goes to A q + t, the area grows by det A, the covariance becomes A C A^T."""
    x = disc(0.15, -0.1, 0.3)
    centre, area, covariance = moments(x)
    for seed in range(5):
        T = sample_transforms(1, {**sizes, "yaw": 0.0, "pitch": 0.0}, rng(seed), 0.7)
        y = moved(T, x, 1.0, plain_background=True)
        assert not touches_edge(y).any()
        A = T.matrix()[0]
        found = moments(y)
        assert_close(found[0], A @ centre + T.place[0], atol=0.01, rtol=0)
        assert_close(found[1] / area, torch.linalg.det(A), atol=0.03, rtol=0)
        assert_close(found[2], A @ covariance @ A.T, atol=0.002, rtol=0)


def test_light_grows_along_the_illumination_and_composes_with_the_geometry() -> None:
    """Relit after a move, and again after another move: as by the one transform that `compose` gives."""
    axis = (torch.arange(64) + 0.5) / 32 - 1
    x = 0.3 * torch.exp(-8 * (axis**2 + (axis[:, None] - 0.1) ** 2))[None, None]
    S, T = (sample_transforms(1, SHEARING, rng(seed), 0.3) for seed in (3, 4))
    twice = relit(
        S, moved(S, relit(T, moved(T, x, 1.0, plain_background=True), 1.0), 1.0, plain_background=True), 1.0
    )
    once = relit(compose(S, T), moved(compose(S, T), x, 1.0, plain_background=True), 1.0)
    assert_close(twice, once, atol=0.005, rtol=0)
    assert (once - moved(compose(S, T), x, 1.0, plain_background=True)).abs().max() > 0.05
    flat = torch.full((1, 3, 4, 4), 0.2)
    T = no_pose(1, torch.device("cpu"))._replace(
        brightness=torch.tensor([0.3]), illumination=torch.tensor([[0.8, -0.4]])
    )
    q = torch.tensor([-0.75, -0.25, 0.25, 0.75])
    assert_close(relit(T, flat, 1.0)[0, 0].log(), math.log(0.2) + 0.3 + 0.8 * q - 0.4 * q[:, None])
    assert relit(T, 5 * flat, 1.0).max() == 1
    half = relit(T, flat, 0.5)[0, 0].log()
    assert_close(half, math.log(0.2) + 0.3 + 0.4 * q - 0.2 * q[:, None])


def test_a_turn_in_depth_moves_the_middle_most_and_leaves_the_outline() -> None:
    x = disc(0, 0, 0.15) + 0.5 * (disc(0.85, 0, 0.1) + disc(0, -0.85, 0.1))
    T = no_pose(1, torch.device("cpu"))._replace(yaw=torch.tensor([0.4]), pitch=torch.tensor([-0.2]))
    y = moved(T, x, 1.0, plain_background=True)
    axis = (torch.arange(64) + 0.5) / 32 - 1
    outside = (axis**2 + axis[:, None] ** 2).sqrt() > BALL_RADIUS + 0.05
    assert_close(y[0, 0, outside], x[0, 0, outside], atol=1e-5, rtol=0)
    near = torch.where(outside, 0, y[0, 0])[None, None]
    turn, q = torch.tensor([0.4, -0.2]), torch.zeros(2)
    for _ in range(50):  # to the place that shows the centre: q = r (1 - |q|^2 / r^2)^2 (yaw, pitch)
        q = BALL_RADIUS * (1 - q.square().sum() / BALL_RADIUS**2) ** 2 * turn
    assert q[0] > 0.15
    assert_close(moments(near)[0], q, atol=0.03, rtol=0)


def test_knobs_that_are_not_named_are_left_out() -> None:
    columns = sample_transforms(50, {"shear": 0.4}, rng()).columns(["shear"])
    assert columns.shape == (50, 1)
    assert columns.abs().max() <= 0.4
    pose = pose_from_columns(columns, ["shear"])
    assert torch.equal(pose.shear, columns[:, 0])
    assert not any(part.any() for part in pose._replace(shear=torch.zeros(50)))


def test_pictures_on_any_plain_ground_go_on_outside() -> None:
    x = (0.7 - 0.5 * disc(0.2, 0, 0.3)).expand(1, 3, 64, 64)
    T = no_pose(1, torch.device("cpu"))._replace(scale=torch.tensor([-0.5]), angle=torch.tensor([1.0]))
    y = moved(T, x, 1.0, plain_background=True)
    assert_close(y[..., 0, :], torch.full_like(y[..., 0, :], 0.7))
    assert not touches_edge(y).any()
    assert touches_edge(torch.rand(1, 1, 64, 64, generator=rng())).all()


def test_information_is_largest_at_the_true_turn_and_none_without_vectors() -> None:
    u = torch.polar(torch.full((1, 6), 3.0), torch.linspace(0, 2, 6)[None])
    angle = torch.tensor([0.7])
    v = turned(u, angle)
    at = torch.linspace(-math.pi, math.pi, 629)
    told = information(u.expand(629, 6), v.expand(629, 6), at)[:, 0]
    assert abs(at[told.argmax()] - 0.7) < 0.01
    # A density over the circle, against the uniform one: its mean is 1.
    assert_close(told[:-1].exp().mean(), torch.tensor(1.0), atol=1e-3, rtol=0)
    nothing = information(torch.zeros_like(u), torch.zeros_like(u), angle)
    assert_close(nothing, torch.zeros(1, 6), atol=1e-5, rtol=0)
