"""Small random transforms of images, which do not change what an image shows.

They are the transforms of IMSAT (Hu et al. 2017) and IIC (Ji et al. 2019), by torchvision's names.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from infogan.config.transforms import Transforms

N_UNIFORMS = 9  # uniform draws per image


def transform(
    x: Float[Tensor, "b ch h w"], transforms: Transforms, u: Float[Tensor, "n_uniforms b"], low: float
) -> Float[Tensor, "b ch h w"]:
    """Each image rotated, scaled, sheared, translated, flipped and brightened by its own draws.

    Geometry is about the centre, with bilinear interpolation; pixels from outside repeat the edge.

    Args:
        x: in [low, 1].
        u: draws from Unif(0, 1).
    """
    b, _, h, w = x.shape
    rotate, tall, wide, shear, down, right, bright, contrast = 2 * u[:8] - 1  # in [-1, 1]
    angle = transforms.rotate * rotate
    cos, sin = angle.cos(), angle.sin()
    tall, wide = 1 + transforms.scale * tall, 1 + transforms.scale * wide
    wide = torch.where(u[8] < transforms.hflip, -wide, wide)
    shear = transforms.shear * shear
    # The rows of the inverse map, from positions in the new image to positions in the old one. In pixels it
    # is a rotation, a shear and a scaling; h / w is there as grid_sample counts from -1 to 1 on both axes.
    translate = 2 * transforms.translate
    across = torch.stack([wide * cos, tall * (shear * cos - sin) * (h / w), translate * right], dim=1)
    along = torch.stack([wide * sin * (w / h), tall * (shear * sin + cos), translate * down], dim=1)
    grid = _grid(x) @ torch.stack([across, along], dim=2)
    moved: Tensor = F.grid_sample(x, grid.view(b, h, w, 2), padding_mode="border", align_corners=False)
    if not transforms.brightness:
        return moved
    factor = (1 + transforms.brightness) ** contrast.view(b, 1, 1, 1)
    step: Tensor = transforms.brightness * (1 - low) * bright.view(b, 1, 1, 1)
    brightened: Tensor = (moved - low) * factor + step + low
    return brightened.clamp(low, 1)


def _grid(x: Float[Tensor, "b ch h w"]) -> Float[Tensor, "hw 3"]:
    """The centres of pixels, (across, along, 1); `F.affine_grid` has no batching rule for `torch.vmap`."""
    along, across = (
        torch.linspace(-1, 1, side, dtype=x.dtype, device=x.device) * (side - 1) / side
        for side in x.shape[2:]
    )
    rows, columns = torch.meshgrid(along, across, indexing="ij")
    return torch.stack([columns, rows, torch.ones_like(rows)], dim=-1).flatten(0, 1)
