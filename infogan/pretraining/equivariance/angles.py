"""Angles of things that may look the same after a part of a turn, as vectors u_1 ... u_6.

If an image is turned by f, its vector u_m turns by m f. So an image that looks the same after half a turn has
u_1 = 0, and its angle is in u_2. In the plane a vector is a complex number, of shape (b, harmonics).
"""

import torch
from jaxtyping import Complex, Float
from torch import Tensor

HARMONICS = 6


def turned(u: Complex[Tensor, "b m"], angle: Float[Tensor, "b"]) -> Complex[Tensor, "b m"]:
    """The vectors of the images turned by an angle in radians: u_m turns by m times that."""
    m = torch.arange(1, HARMONICS + 1, device=angle.device)
    return u * torch.polar(torch.ones_like(angle)[:, None], angle[:, None] * m)


def information(
    u: Complex[Tensor, "b m"], v: Complex[Tensor, "b m"], angle: Float[Tensor, "b"]
) -> Float[Tensor, "b m"]:
    """What u and v, of an image and of the same image turned by an angle, tell of that angle; in nats.

    log p(angle | u_m, v_m) - log p(angle), with von Mises' distribution of m times the angle, whose
    concentration is |u_m| |v_m|: its mean is a lower bound on the information, as in Eq. (5) of the paper.
    """
    along = (v * turned(u, angle).conj()).real
    concentration = (u.abs() * v.abs()).clamp_min(1e-6)
    told: Tensor = along - torch.special.i0e(concentration).log() - concentration
    return told


def squash(u: Complex[Tensor, "b m"]) -> Complex[Tensor, "b m"]:
    """Vectors of the same direction and of length |u| / (1 + |u|).

    That is from 0 (nothing known) towards 1 (certain).
    """
    return u / (1 + u.abs())


def lowest_harmonic(u: Complex[Tensor, "n m"]) -> int:
    """The place of the lowest harmonic that images of one kind have, from the lengths of `squash`."""
    strength = u.abs().mean(dim=0)
    return int((strength > 0.6 * strength.max()).float().argmax())
