"""The learning rates of D and G over a training."""

from typing import NamedTuple

from torch.optim.lr_scheduler import LambdaLR

from infogan.config import Config
from infogan.training.components.optimizers import GuardedAdam


class LearningRates(NamedTuple):
    """The settings that are None in a config, resolved."""

    lr_d: float
    lr_g: float
    decay_fraction: float

    def factor(self, n: int, steps: int) -> float:
        """The factor of both rates after n of `steps`: 1, then linearly to 0 over the last fraction."""
        return min(1.0, (1 - n / steps) / self.decay_fraction) if self.decay_fraction else 1.0


def learning_rates(config: Config, *, with_targets: bool) -> LearningRates:
    """The learning rates of a config.

    With targets from pretraining D has more to learn: by default its rate is twice as high, and both rates
    fall in the second half. Without targets, the network `small` for gray images has half the rate, as D won
    for good in one seed of four otherwise (docs/history.md).
    """
    optimisation, networks = config.optimisation, config.networks
    is_small_gray = networks.architecture == "small" and networks.image_shape[0] == 1
    automatic = 4e-4 if with_targets else 1e-4 if is_small_gray else 2e-4
    lr_d, fraction = optimisation.lr_d, optimisation.lr_decay_fraction
    return LearningRates(
        automatic if lr_d is None else lr_d,
        optimisation.lr_g,
        (0.5 if with_targets else 0.0) if fraction is None else fraction,
    )


def make_scheduler(player: GuardedAdam, rates: LearningRates, n_done: int, steps: int) -> LambdaLR:
    """Scales the learning rate of a player in the steps after the first `n_done`."""
    for group in player.adam.param_groups:
        group["initial_lr"] = player.lr  # a float: LambdaLR would read a tensor on the host at each step
    return LambdaLR(player.adam, lambda n: rates.factor(n, steps), last_epoch=n_done - 1)
