"""The moving average of G's weights, which is steadier than G itself (Yazici et al. 2019)."""

from jaxtyping import Int
from torch import Tensor, nn


def average(mean: nn.Module, now: nn.Module, n: Int[Tensor, ""], decay: float) -> None:
    """Moves the mean of weights and of running statistics on to what they are after update n, in place.

    Nothing here asks the device.

    Args:
        decay: an update, in [0, 1); early on it is less, so that the mean forgets what G began with.
    """
    d = ((1 + n) / (10 + n)).clamp(max=decay)
    for old, new in zip(mean.state_dict().values(), now.state_dict().values(), strict=True):
        if old.is_floating_point():
            old.lerp_(new, (1 - d).to(old.dtype))
        else:
            old.copy_(new)
