"""The moving average of a network's weights, steadier than the network itself (Yazici et al. 2019)."""

from copy import deepcopy
from typing import final

from jaxtyping import Int
from torch import Tensor, nn


@final
class Average:
    """The mean of a network's weights and running statistics over the updates so far."""

    def __init__(self, net: nn.Module, bare: nn.Module, decay: float) -> None:
        """Begins with what the network is now.

        Args:
            net: whose weights are followed; `bare` is the same, before anything was wrapped around it.
            decay: an update, in [0, 1); early on it is less, so that the mean forgets what it began with.
        """
        self.net, self.decay = net, decay
        self.mean = deepcopy(bare).requires_grad_(False)

    def move(self, n: Int[Tensor, ""]) -> None:
        """Takes in what the network is after update n; nothing here asks the device."""
        d = ((1 + n) / (10 + n)).clamp(max=self.decay)
        for old, new in zip(self.mean.state_dict().values(), self.net.state_dict().values(), strict=True):
            if old.is_floating_point():
                old.lerp_(new, (1 - d).to(old.dtype))
            else:
                old.copy_(new)
