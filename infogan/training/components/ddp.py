"""Distributed data parallel: each process takes its part of every batch, and all hold the same weights.

Every process draws the noise and the order of images of the whole batch from the same random streams, so the
result does not depend on the number of processes, up to rounding.
"""

import atexit
import os
from functools import partial
from typing import Any, final

import torch
import torch.distributed as dist
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from infogan.method.model import batch_norms
from infogan.utils.distributed import gather
from infogan.utils.errors import InfoganError


@final
class ManualDDPStrategy(DDPStrategy):
    """DDP's processes and devices without its wrapper, which expects one backward pass per forward pass.

    D runs several times per step, once with frozen weights; `GuardedAdam` reduces the gradients.
    """

    def setup_environment(self) -> None:
        if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
            self._rendezvous()
        super().setup_environment()
        atexit.register(_destroy_process_group)

    def _rendezvous(self) -> None:
        """Gives each attempt of torchrun its own prefix in the store.

        The store still holds the address of a lost process, so a restart needs a new prefix. The number of
        the attempt is the same for all processes only on a single node.
        """
        attempt = os.environ["TORCHELASTIC_RESTART_COUNT"]
        if attempt != "0" and os.environ["GROUP_WORLD_SIZE"] != "1":
            raise InfoganError(
                "torchrun on several nodes cannot restart a lost process, as they share a store; export "
                "TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 on each node and start it again."
            )
        store, rank, world = next(rendezvous("env://"))
        dist.init_process_group(
            self._get_process_group_backend(),
            store=PrefixStore(f"attempt {attempt}", store),
            rank=rank,
            world_size=world,
        )

    def setup_module(self, module: nn.Module) -> Any:
        return module


def _destroy_process_group() -> None:
    """Ends gloo's threads before Python exits; otherwise the process sometimes aborts."""
    if dist.is_initialized():
        dist.destroy_process_group()


def synchronise_batchnorm(net: nn.Module) -> None:
    """Makes batch norm use the statistics of the whole batch; torch's own SyncBatchNorm is for GPUs only."""
    for norm in batch_norms(net):
        setattr(norm, "forward", partial(_forward, norm))  # noqa: B010, as types forbid a method of an instance


def _forward(norm: nn.BatchNorm1d | nn.BatchNorm2d, x: Tensor) -> Tensor:
    """Batch norm over all processes, which must all call it, in the same order."""
    if not norm.training:
        return type(norm).forward(norm, x)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    assert norm.momentum is not None
    y, mean, var = _sync_batch_norm(x, norm.weight, norm.bias, norm.eps)
    n = dist.get_world_size() * x.numel() / x.shape[1]
    if norm.track_running_stats:
        with torch.no_grad():
            norm.num_batches_tracked += 1
            norm.running_mean.lerp_(mean, norm.momentum)
            norm.running_var.lerp_(var * (n / (n - 1)), norm.momentum)
    normal: Tensor = y
    return normal


class _SyncBatchNorm(torch.autograd.Function):
    """y = (x - μ) / sqrt(σ² + ε) w + b with μ and σ² over the equal parts of all processes.

    Uses torch's kernels for one process, several times as fast as single operations. Forward and backward
    each send one message of two numbers per channel.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, b: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        _, mean, invstd = torch.native_batch_norm(x, w, b, None, None, True, 0.0, eps)
        own = torch.stack([mean, invstd**-2 - eps])
        means, variances = torch.stack(gather(own), dim=1)
        mean = means.mean(0)
        var = variances.mean(0) + (means - mean).square().mean(0)
        ctx.save_for_backward(x, w, mean, var)
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, var)
        return torch.batch_norm(x, w, b, mean, var, False, 0.0, eps, False), mean, var

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gy: Tensor, *_: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None, None]:
        x, w, mean, var = ctx.saved_tensors
        gx, gw, gb = torch.ops.aten.native_batch_norm_backward(
            gy, x, w, mean, var, None, None, False, ctx.eps, [True, True, True]
        )
        # So far μ and σ are constants; their dependence on x adds terms in Σ gy and Σ gy (x - μ) / σ.
        sums = torch.stack([gb, gw])
        dist.all_reduce(sums)
        sums *= x.shape[1] / (x.numel() * dist.get_world_size())
        invstd = torch.rsqrt(var + ctx.eps)
        slope = -w * invstd.square() * sums[1]
        shift = -w * invstd * sums[0] - mean * slope
        shape = [-1 if i == 1 else 1 for i in range(x.ndim)]
        gx.addcmul_(x, slope.view(shape).to(x.dtype)).add_(shift.view(shape).to(x.dtype))
        needs_grad = ctx.needs_input_grad[1]
        return gx, gw if needs_grad else None, gb if needs_grad else None, None


_sync_batch_norm: Any = _SyncBatchNorm.apply  # untyped in torch
