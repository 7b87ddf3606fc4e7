"""Several processes that train one run: each takes its part of every batch, and all hold the same weights.

The whole batch's noise and order of images come from the same streams in every process, so that what is
learned does not depend on how many there are, but for rounding; nothing is drawn twice, no image seen twice.
"""

from functools import partial
from typing import Any, final

import torch
import torch.distributed as dist
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor, nn
from torch.distributed._functional_collectives import all_reduce

from infogan.model import batch_norms


@final
class Replicas(DDPStrategy):
    """DDP's processes and their devices, without its wrapper.

    D is asked three times an update, once with its weights frozen, and either step has its gradients reduced
    once, by `Trainer`; the wrapper would expect a backward for every forward.
    """

    def setup_module(self, module: nn.Module) -> Any:
        return module


def any_of(flag: bool, device: torch.device) -> bool:
    """Whether any process says so; all must ask, as often."""
    said = torch.tensor(float(flag), device=device)
    dist.all_reduce(said, dist.ReduceOp.MAX)
    return bool(said)


def mean_over_replicas(tensors: list[Tensor]) -> None:
    """Replaces each by its mean over all processes, in one message."""
    flat = torch.cat([t.detach().reshape(-1) for t in tensors])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    parts = torch.split(flat, [t.numel() for t in tensors])
    for tensor, part in zip(tensors, parts, strict=True):
        tensor.copy_(part.view_as(tensor))


def synchronise(net: nn.Module) -> None:
    """Has batch norm take the statistics of the whole batch, not of one process's part.

    torch's own SyncBatchNorm is for GPUs only.
    """
    for norm in batch_norms(net):
        setattr(norm, "forward", partial(_forward, norm))  # noqa: B010, as types know no method of an instance


def _forward(norm: nn.BatchNorm1d | nn.BatchNorm2d, x: Tensor) -> Tensor:
    """A batch norm over all processes; all must call it, as often and in the same order."""
    if not norm.training:
        return type(norm).forward(norm, x)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    assert norm.momentum is not None
    dims = [i for i in range(x.ndim) if i != 1]
    shape = [-1 if i == 1 else 1 for i in range(x.ndim)]
    wide = x.to(norm.running_mean.dtype)
    mean = _mean(wide.mean(dims))
    centred = wide - mean.view(shape)
    var = _mean(centred.square().mean(dims))
    n = dist.get_world_size() * x.numel() / x.shape[1]
    with torch.no_grad():
        norm.num_batches_tracked += 1
        norm.running_mean.lerp_(mean, norm.momentum)
        norm.running_var.lerp_(var * (n / (n - 1)), norm.momentum)
    scale = norm.weight * torch.rsqrt(var + norm.eps)
    return (centred * scale.view(shape) + norm.bias.view(shape)).to(x.dtype)


def _mean(x: Tensor) -> Tensor:
    assert dist.group.WORLD is not None
    total: Tensor = all_reduce(x, "sum", dist.group.WORLD)
    return total / dist.get_world_size()
