"""One step of Adam in clustering."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from lightning_fabric import Fabric

LEARNING_RATE = 1e-3


def set_learning_rate(adam: torch.optim.Optimizer, factor: float) -> None:
    """The rate falls linearly to 0 once `factor` is below 1."""
    for group in adam.param_groups:
        group["lr"] = LEARNING_RATE * min(1.0, factor)


def descend(adam: torch.optim.Optimizer, loss: Tensor, fabric: "Fabric") -> None:
    """One step down the mean loss of all processes."""
    adam.zero_grad()
    torch.autograd.backward(loss / fabric.world_size)
    if fabric.world_size > 1:
        from infogan.utils.distributed import sum_gradients

        sum_gradients(adam)
    adam.step()
