"""Small random motions of images, under which what an image shows is held to be the same.

The transformations of IMSAT (Hu et al. 2017) and IIC (Ji et al. 2019), which cluster by what they leave.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from infogan.config.spec import Motion

DRAWS = 9  # uniform draws that an image takes


def move(
    x: Float[Tensor, "b ch h w"], motion: Motion, u: Float[Tensor, "draws b"], low: float
) -> Float[Tensor, "b ch h w"]:
    """Each image turned, stretched, sheared, shifted, mirrored and lit by draws of its own.

    About the centre, with bilinear interpolation; what comes in from outside repeats the edge.

    Args:
        x: in [low, 1].
        u: (DRAWS, b), from Unif(0, 1).
    """
    b, _, h, w = x.shape
    turn, tall, wide, shear, down, right, lit, contrast = 2 * u[:8] - 1  # either way
    angle = motion.rotate * turn
    cos, sin = angle.cos(), angle.sin()
    tall, wide = 1 + motion.scale * tall, 1 + motion.scale * wide
    wide = torch.where(u[8] < motion.mirror, -wide, wide)
    shear = motion.shear * shear
    # A row of the inverse map each: where in the old image a place of the new one lies. In pixels it is a
    # rotation, a shear and a stretch; grid_sample counts from -1 to 1 on either side.
    across = torch.stack([wide * cos, tall * (shear * cos - sin) * (h / w), 2 * motion.shift * right], dim=1)
    along = torch.stack([wide * sin * (w / h), tall * (shear * sin + cos), 2 * motion.shift * down], dim=1)
    grid = F.affine_grid(torch.stack([across, along], dim=1), [b, 1, h, w], align_corners=False)
    moved: Tensor = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
    if not motion.light:
        return moved
    factor = (1 + motion.light) ** contrast.view(b, 1, 1, 1)
    step: Tensor = motion.light * (1 - low) * lit.view(b, 1, 1, 1)
    lit_up: Tensor = (moved - low) * factor + step + low
    return lit_up.clamp(low, 1)
