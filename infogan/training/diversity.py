"""Whether G's images differ from each other as much as the real ones do: a collapse shows here first."""

from jaxtyping import Float
from torch import Tensor


def diversity(
    x_real: Float[Tensor, "*seeds b ch h w"], x_fake: Float[Tensor, "*seeds b ch h w"]
) -> Float[Tensor, "*seeds"]:
    """How far G's images differ, by how far the real ones do: about 1, and 0 where they are all one.

    The root of the mean squared distance of a batch's images from their mean, over that of the real batch.
    """
    fake, real = (x.float().var(dim=-4, correction=0).mean(dim=(-3, -2, -1)) for x in (x_fake, x_real))
    return (fake / real.clamp(min=1e-12)).sqrt()
