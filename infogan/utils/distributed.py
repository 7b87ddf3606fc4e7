"""Sums, maxima and copies of tensors over the processes of one training."""

import torch
import torch.distributed as dist
from torch import Tensor

LARGE = 2**20  # bytes, from which copying costs more than a separate message


def any_of(flag: bool, device: torch.device) -> bool:
    """Whether the flag is set in any process; all must call it."""
    flags = torch.tensor(float(flag), device=device)
    dist.all_reduce(flags, dist.ReduceOp.MAX)
    return bool(flags)


def gather(tensor: Tensor) -> list[Tensor]:
    """The tensors of all processes, in order of rank."""
    found = [torch.empty_like(tensor) for _ in range(dist.get_world_size())]
    dist.all_gather(found, tensor)
    return found


def sum_over_processes(tensors: list[Tensor]) -> None:
    """Replaces each tensor by its sum over all processes: large ones in place, the others in one message."""
    large = [t for t in tensors if t.nbytes >= LARGE and t.is_contiguous()]
    small = [t for t in tensors if not (t.nbytes >= LARGE and t.is_contiguous())]
    flat = torch.cat([t.reshape(-1) for t in small])
    for sent in [dist.all_reduce(t, async_op=True) for t in (*large, flat)]:
        sent.wait()
    parts = torch.split(flat, [t.numel() for t in small])
    for tensor, part in zip(small, parts, strict=True):
        tensor.copy_(part.view_as(tensor))


def sum_gradients(optimizer: torch.optim.Optimizer, *others: Tensor) -> None:
    """Replaces an optimizer's gradients, and other tensors, by their sums over all processes."""
    weights = (p for group in optimizer.param_groups for p in group["params"])
    grads = [p.grad for p in weights if p.grad is not None]
    sum_over_processes([*grads, *others])
