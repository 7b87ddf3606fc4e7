"""Sums, maxima and copies of tensors over the processes of one training."""

import torch
import torch.distributed as dist
from torch import Tensor

LARGE = 2**20  # bytes, from where on copying costs more than a message of its own


def any_of(flag: bool, device: torch.device) -> bool:
    """Whether any process says so; all must ask, as often."""
    said = torch.tensor(float(flag), device=device)
    dist.all_reduce(said, dist.ReduceOp.MAX)
    return bool(said)


def of_all(tensor: Tensor) -> list[Tensor]:
    """What all processes have of a tensor, in their order."""
    found = [torch.empty_like(tensor) for _ in range(dist.get_world_size())]
    dist.all_gather(found, tensor)
    return found


def sum_over_replicas(tensors: list[Tensor]) -> None:
    """Replaces each by its sum over all processes: large ones where they lie, the others in one message."""
    large = [t for t in tensors if t.nbytes >= LARGE and t.is_contiguous()]
    small = [t for t in tensors if not (t.nbytes >= LARGE and t.is_contiguous())]
    flat = torch.cat([t.reshape(-1) for t in small])
    for sent in [dist.all_reduce(t, async_op=True) for t in (*large, flat)]:
        sent.wait()
    parts = torch.split(flat, [t.numel() for t in small])
    for tensor, part in zip(small, parts, strict=True):
        tensor.copy_(part.view_as(tensor))


def sum_gradients(optimizer: torch.optim.Optimizer, *told: Tensor) -> None:
    """Replaces the gradients of what it steps, and what is told beside, by their sums over all processes."""
    weights = (p for group in optimizer.param_groups for p in group["params"])
    grads = [p.grad for p in weights if p.grad is not None]
    sum_over_replicas([*grads, *told])
