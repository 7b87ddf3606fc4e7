"""The exponential moving average of a network's weights, steadier than the network (Yazici et al. 2019)."""

from copy import deepcopy
from typing import final

from jaxtyping import Int
from torch import Tensor, nn

from infogan.config import Config


@final
class ExponentialMovingAverage:
    """The average of a network's weights and running statistics over the steps so far.

    `torch.optim.swa_utils.AveragedModel` reads its counter on the host at each step, which a CUDA graph
    cannot replay.
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        """Starts from the network as it is.

        Args:
            decay: per step, in [0, 1); smaller at first, so that the average forgets the initial weights.
        """
        self.net, self.decay = net, decay
        self.average = deepcopy(net).requires_grad_(False)

    def update(self, n: Int[Tensor, ""]) -> None:
        """Takes in the network after step n."""
        decay = ((1 + n) / (10 + n)).clamp(max=self.decay)
        for old, new in zip(self.average.state_dict().values(), self.net.state_dict().values(), strict=True):
            if old.is_floating_point():
                old.lerp_(new, (1 - decay).to(old.dtype))
            else:
                old.copy_(new)


def make_averages(config: Config, G: nn.Module, D: nn.Module) -> dict[str, ExponentialMovingAverage]:
    """The averages that a config asks for, by the name of their network."""
    decays = {"G": config.optimisation.ema_decay, "D": config.optimisation.ema_decay_d}
    nets = {"G": G, "D": D}
    return {name: ExponentialMovingAverage(nets[name], decay) for name, decay in decays.items() if decay}
