"""Several processes that train one run: each takes its part of every batch, and all hold the same weights.

The whole batch's noise and order of images come from the same streams in every process, so that what is
learned does not depend on how many there are, but for rounding; nothing is drawn twice, no image seen twice.
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
from infogan.utils.distributed import of_all
from infogan.utils.errors import InfoganError


@final
class Replicas(DDPStrategy):
    """DDP's processes and their devices, without its wrapper.

    D is asked three times an update, once with its weights frozen, and either step has its gradients reduced
    once, by `Trainer`; the wrapper would expect a backward for every forward.
    """

    def setup_environment(self) -> None:
        if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
            self._meet()
        super().setup_environment()
        atexit.register(_leave)

    def _meet(self) -> None:
        """Has each attempt of torchrun meet in a place of its own.

        Its store outlives a lost process, and keeps the addresses where the others looked for it. Only on one
        node do all processes count the attempts alike.
        """
        attempt = os.environ["TORCHELASTIC_RESTART_COUNT"]
        if attempt != "0" and os.environ["GROUP_WORLD_SIZE"] != "1":
            raise InfoganError(
                "torchrun on several nodes cannot start again what was lost, as it shares its store; "
                "export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 on each, and start it again by hand."
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


def _leave() -> None:
    """Has gloo's threads end before the interpreter does, which now and then aborts the process otherwise."""
    if dist.is_initialized():
        dist.destroy_process_group()


def synchronise_batchnorm(net: nn.Module) -> None:
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
    y, mean, var = _whole_batch_norm(x, norm.weight, norm.bias, norm.eps)
    n = dist.get_world_size() * x.numel() / x.shape[1]
    if norm.track_running_stats:
        with torch.no_grad():
            norm.num_batches_tracked += 1
            norm.running_mean.lerp_(mean, norm.momentum)
            norm.running_var.lerp_(var * (n / (n - 1)), norm.momentum)
    normal: Tensor = y
    return normal


class _WholeBatchNorm(torch.autograd.Function):
    """y = (x - μ) / sqrt(σ² + ε) w + b with μ and σ² over the equal parts of all processes.

    Of torch's kernels for one process, which are several times as fast as the same in single operations; each
    way costs one message of two numbers a channel.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, b: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        _, mean, invstd = torch.native_batch_norm(x, w, b, None, None, True, 0.0, eps)
        told = torch.stack([mean, invstd**-2 - eps])
        means, variances = torch.stack(of_all(told), dim=1)
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
        # So far as if μ and σ did not depend on x; what they add depends on Σ gy and Σ gy (x - μ) / σ.
        sums = torch.stack([gb, gw])
        dist.all_reduce(sums)
        sums *= x.shape[1] / (x.numel() * dist.get_world_size())
        invstd = torch.rsqrt(var + ctx.eps)
        slope = -w * invstd.square() * sums[1]
        shift = -w * invstd * sums[0] - mean * slope
        shape = [-1 if i == 1 else 1 for i in range(x.ndim)]
        gx.addcmul_(x, slope.view(shape).to(x.dtype)).add_(shift.view(shape).to(x.dtype))
        learns = ctx.needs_input_grad[1]
        return gx, gw if learns else None, gb if learns else None, None


_whole_batch_norm: Any = _WholeBatchNorm.apply  # which torch leaves without types
