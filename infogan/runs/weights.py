"""A state as flat tensors by name, which is what a checkpoint holds: weights, and the moments of Adam."""

import torch
from torch import Tensor

from infogan.method.model import Model


def load_weights(model: Model, state: dict[str, Tensor]) -> None:
    """Puts the weights that `Trainer.state` gave into a model of the same config; averaged ones go first."""
    model.G.load_state_dict(part(state, "averaged") or part(state, "G"))
    model.D.load_state_dict(part(state, "averaged_d") or part(state, "D"))


def part(state: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """What is below a name, by the rest of its own names."""
    return {k.removeprefix(f"{name}."): v for k, v in state.items() if k.startswith(f"{name}.")}


def adam_state(name: str, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Adam's moments, each as NAME.PARAMETER.SLOT."""
    moments = optimizer.state_dict()["state"]
    return {f"{name}.{i}.{slot}": v for i, slots in moments.items() for slot, v in slots.items()}


def load_adam(optimizer: torch.optim.Optimizer, state: dict[str, Tensor]) -> None:
    """Puts back what `adam_state` gave, its name cut off."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in state.items():
        i, _, slot = key.partition(".")
        if value.ndim:  # in memory as the weights are: the fused kernels go by the bytes
            value = torch.empty_like(parameters[int(i)]).copy_(value)
        moments.setdefault(int(i), {})[slot] = value
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
