"""Small random transforms of images, which leave what an image shows.

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
    # The inverse map: the place in the old image of each place (across, along) in the new one. In pixels it is
    # a rotation, a shear and a scaling; grid_sample counts from -1 to 1 on either side. torch's affine_grid has
    # no rule for vmap.
    across = ((2 * torch.arange(w, device=x.device) + 1) / w - 1).to(x.dtype)[None, None, :]
    along = ((2 * torch.arange(h, device=x.device) + 1) / h - 1).to(x.dtype)[None, :, None]

    def place(a: Tensor, b: Tensor, shift: Tensor) -> Tensor:
        a, b, shift = (each[:, None, None] for each in (a, b, shift))
        return a * across + b * along + 2 * transforms.translate * shift

    old_across = place(wide * cos, tall * (shear * cos - sin) * (h / w), right)
    old_along = place(wide * sin * (w / h), tall * (shear * sin + cos), down)
    grid = torch.stack([old_across, old_along], dim=-1)
    moved: Tensor = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
    if not transforms.brightness:
        return moved
    factor = (1 + transforms.brightness) ** contrast.view(b, 1, 1, 1)
    step: Tensor = transforms.brightness * (1 - low) * bright.view(b, 1, 1, 1)
    brightened: Tensor = (moved - low) * factor + step + low
    return brightened.clamp(low, 1)
