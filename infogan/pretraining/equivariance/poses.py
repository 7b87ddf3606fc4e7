"""Random transforms T of the picture's plane, and what they do to the pose of what a picture shows.

A place q is (right, down), the picture's centre being (0, 0) and half its side 1. T takes q to A q + t, where
A is e^z R(f), a zoom and a rotation, or e^z [[e^r, k], [0, 1]], a zoom, a change of the ratio of width
to height and a horizontal shear. A pose is such a map, too: the one that takes a standard picture of a thing
to this one. So the pose of T x is T after the pose of x.

T also changes the light. All in all, (T x)(q) = e^(b + s . q) x(A^-1 (q - t)): b is a brightness, s a linear
illumination, from the right and from below.

And T turns what a picture shows in depth, as if it were a ball around the centre: x(d(q)) comes in place of
x(q), with d(q) = q - r (1 - |q|^2 / r^2)^2 (yaw, pitch) within a circle of radius r, and d(q) = q outside. So
the middle moves most, as what is nearest does, and the outline stays.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

PARTS = ("translate", "scale", "ratio", "shear", "brightness", "illumination", "rotate", "yaw", "pitch")
PAIRS = {"translate": "place", "illumination": "illumination"}  # knobs of two numbers, and their field


class Pose(NamedTuple):
    """Poses of b images, or transforms of them."""

    place: Float[Tensor, "b 2"]  # t: right, down
    scale: Float[Tensor, "b"]  # z, log of the zoom
    ratio: Float[Tensor, "b"]  # r, log of width over height
    shear: Float[Tensor, "b"]  # k, horizontal offset per unit of height
    brightness: Float[Tensor, "b"]  # b, log of the factor of all that is brighter than the darkest value
    illumination: Float[Tensor, "b 2"]  # s, by how much that grows to the right and downwards
    angle: Float[Tensor, "b"]  # f, in radians
    yaw: Float[Tensor, "b"]  # in depth, to the right
    pitch: Float[Tensor, "b"]  # in depth, downwards

    def columns(self, knobs: Sequence[str]) -> Float[Tensor, "b d"]:
        """The numbers of these knobs, in their order, without the angle."""
        numbers = (getattr(self, PAIRS.get(knob, knob)).view(len(self.place), -1) for knob in knobs)
        return torch.cat(list(numbers), dim=1)

    def matrix(self) -> Float[Tensor, "b 2 2"]:
        """A."""
        cos, sin, ratio = self.angle.cos(), self.angle.sin(), self.ratio.exp()
        top = torch.stack([ratio * cos, self.shear * cos - sin], dim=1)
        bottom = torch.stack([ratio * sin, self.shear * sin + cos], dim=1)
        return self.scale.exp()[:, None, None] * torch.stack([top, bottom], dim=1)


EDGE_TOLERANCE = 0.2  # of the range of pixels, from the background
BALL_RADIUS = 0.7  # r


def no_pose(n: int, device: torch.device) -> Pose:
    """The transform that changes nothing."""
    zero, pair = torch.zeros(n, device=device), torch.zeros(n, 2, device=device)
    return Pose(pair, zero, zero, zero, zero, pair, zero, zero, zero)


def sample_transforms(
    n: int, sizes: Mapping[str, float], rng: torch.Generator, strength: float = 1.0
) -> Pose:
    """n random transforms, each part uniform within `strength` times its size; parts without a size are 0."""
    n_numbers = 11 if {"yaw", "pitch"} & set(sizes) else 9  # the others draw the same with and without these
    u = strength * (2 * torch.rand(n_numbers, n, generator=rng, device=rng.device) - 1)
    parts = (u[:2].T, *u[2:6], u[6:8].T, u[8], *(u[9:] if n_numbers == 11 else torch.zeros(2, n).to(u)))
    return Pose(*(sizes.get(name, 0.0) * part for name, part in zip(PARTS, parts, strict=True)))


def pose_from_columns(columns: Float[Tensor, "b d"], knobs: Sequence[str]) -> Pose:
    """The inverse of `Pose.columns`; knobs that are not named are 0."""
    pose, first = no_pose(len(columns), columns.device), 0
    for knob in knobs:
        if knob in PAIRS:
            pose, first = pose._replace(**{PAIRS[knob]: columns[:, first : first + 2]}), first + 2
        else:
            pose, first = pose._replace(**{knob: columns[:, first]}), first + 1
    return pose


def compose(T: Pose, pose: Pose) -> Pose:
    """The pose of T x, if `pose` is that of x: T after it."""
    A = T.matrix()
    carried = _product(torch.linalg.inv(A).mT, pose.illumination)
    return Pose(
        _product(A, pose.place) + T.place,
        T.scale + pose.scale,
        T.ratio + pose.ratio,
        T.ratio.exp() * pose.shear + T.shear,
        T.brightness + pose.brightness - (carried * T.place).sum(dim=1),
        T.illumination + carried,
        T.angle + pose.angle,
        T.yaw + pose.yaw,
        T.pitch + pose.pitch,
    )


def compose_inverse(T: Pose, pose: Pose) -> Pose:
    """The pose of x, if `pose` is that of T x: T^-1 after it, which undoes `compose`."""
    A = T.matrix()
    carried = pose.illumination - T.illumination
    return Pose(
        _product(torch.linalg.inv(A), pose.place - T.place),
        pose.scale - T.scale,
        pose.ratio - T.ratio,
        (pose.shear - T.shear) * (-T.ratio).exp(),
        pose.brightness - T.brightness + (carried * T.place).sum(dim=1),
        _product(A.mT, carried),
        pose.angle - T.angle,
        pose.yaw - T.yaw,
        pose.pitch - T.pitch,
    )


def _product(A: Float[Tensor, "b 2 2"], q: Float[Tensor, "b 2"]) -> Float[Tensor, "b 2"]:
    product: Tensor = (A @ q[:, :, None])[:, :, 0]
    return product


def sample_plane(
    x: Float[Tensor, "b ch s s"],
    A: Float[Tensor, "b 2 2"],
    t: Float[Tensor, "b 2"],
    side: int,
    *,
    plain_background: bool,
    turn: Float[Tensor, "b 2"] | None = None,
) -> Float[Tensor, "b ch side side"]:
    """The picture whose place q shows what x shows at A q + t, or at d(A q + t).

    Args:
        plain_background: whether x goes on outside as its background; if not, it is reflected.
        turn: yaw and pitch of d.
    """
    grid = F.affine_grid(torch.cat([A, t[:, :, None]], dim=2), [len(x), 1, side, side], align_corners=False)
    if turn is not None:
        nearness = (1 - grid.square().sum(dim=3, keepdim=True) / BALL_RADIUS**2).clamp_min(0)
        grid = grid - BALL_RADIUS * nearness.square() * turn[:, None, None]
    if not plain_background:
        return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
    ground = background(x)
    return F.grid_sample(x - ground, grid, padding_mode="zeros", align_corners=False) + ground


def moved(
    T: Pose, x: Float[Tensor, "b ch s s"], half_side: float, *, plain_background: bool
) -> Float[Tensor, "b ch s s"]:
    """The geometry of T alone, x(A^-1 (q - t)), of the q whose coordinates are within +-half_side."""
    back, turn = torch.linalg.inv(T.matrix()), torch.stack([T.yaw, T.pitch], dim=1)
    return sample_plane(
        x,
        half_side * back,
        -_product(back, T.place),
        x.shape[-1],
        plain_background=plain_background,
        turn=turn if turn.any() else None,
    )


def relit(T: Pose, x: Float[Tensor, "b ch s s"], half_side: float) -> Float[Tensor, "b ch s s"]:
    """The light of T alone, e^(b + s . q) x(q), in [0, 1]; x shows the q as `moved` does."""
    side = x.shape[-1]
    axis = half_side * ((2 * torch.arange(side, device=x.device) + 1) / side - 1)
    right, down = (s[:, None] * axis for s in T.illumination.T)
    log_factor = T.brightness[:, None, None] + right[:, None, :] + down[:, :, None]
    lit: Tensor = x * log_factor.exp()[:, None]
    return lit.clamp(0, 1)


def border(x: Float[Tensor, "b ch s s"]) -> Float[Tensor, "b ch p"]:
    """The pixels at the picture's edge."""
    return torch.cat([x[..., 0, :], x[..., -1, :], x[..., 0], x[..., -1]], dim=-1)


def background(x: Float[Tensor, "b ch s s"]) -> Float[Tensor, "b ch 1 1"]:
    """The median of the pixels at the edge, channel by channel."""
    return border(x).median(dim=-1).values[:, :, None, None]


def touches_edge(x: Float[Tensor, "b ch s s"]) -> Bool[Tensor, "b"]:
    """Whether anything other than the background lies at the picture's edge."""
    return (border(x) - background(x)[..., 0]).abs().amax(dim=(1, 2)) > EDGE_TOLERANCE
