"""How the learning rates change over a training, as shares of what the config says, after n updates."""

import torch
from torch import Tensor

from infogan.config.config import Config

WITHOUT_KINDS = 0.5  # of D's rate, for good, where a warm-up found none: with them D has more to learn


def share_of_rate(n: int, config: Config) -> float:
    """1, then along a line to 0 over the last `lr_decay` of all updates."""
    return min(1.0, (1 - n / config.updates) / config.lr_decay) if config.lr_decay else 1.0


def set_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Has the steps from here on take that rate, also where a CUDA graph reads it off the device."""
    for group in optimizer.param_groups:
        rate = group["lr"]
        group["lr"] = rate.fill_(lr) if isinstance(rate, Tensor) else lr
