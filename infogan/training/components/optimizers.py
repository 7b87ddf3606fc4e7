"""Adam for either player, which refuses a step whose loss or gradient is NaN or infinite."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, final

import torch
from torch import Tensor, nn

from infogan.config import Config
from infogan.method.terms.term import Player
from infogan.utils.errors import NonFiniteError

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@final
class NonFiniteGuard:
    """Remembers on the device, per seed, the first step that was refused; the host asks for it now and then.

    Once a step was refused, all later ones are refused too, so that weights stay finite until then.
    """

    def __init__(self, seeds: list[int], device: torch.device) -> None:
        self.seeds = seeds
        self.refused = torch.zeros((), device=device)  # 1 once a step was refused; Adam's kernels read it
        self.n_applied = torch.zeros((), dtype=torch.long, device=device)  # whole steps, of D and of G
        self.last: dict[
            str, dict[str, Tensor]
        ] = {}  # player -> what was checked in the last step not refused

    def check(self, player: Player, values: Mapping[str, Tensor]) -> None:
        """Refuses this player's step, and all that follow, if a value of any seed is not finite."""
        last = self.last.setdefault(player, {name: value.clone() for name, value in values.items()})
        for name, value in values.items():
            last[name].copy_(torch.where(self.refused > 0, last[name], value))
        is_finite = torch.stack([torch.isfinite(value).all() for value in values.values()]).all()
        self.refused.copy_(torch.maximum(self.refused, 1 - is_finite.float()))

    def count(self) -> None:
        """Counts a step of both players, unless it was refused."""
        self.n_applied.add_(self.refused < 1)

    def reset(self, n_applied: int) -> None:
        self.n_applied.fill_(n_applied)
        self.refused.zero_()

    def has_refused(self) -> bool:
        """Whether a step was refused; reads the device."""
        return bool(self.refused)

    def error(self) -> NonFiniteError:
        """Names the step that was refused, its player and the value."""
        step = int(self.n_applied) + 1
        for player, values in self.last.items():
            for name, value in values.items():
                for seed, one in zip(self.seeds, value.reshape(-1).tolist(), strict=True):
                    if not math.isfinite(one):
                        of_seed = f"seed {seed}, " if len(self.seeds) > 1 else ""
                        return NonFiniteError(
                            f"{of_seed}step {step}: {name} of {player} is {one}, and {player} was not "
                            "updated; set a lower lr_d, lr_g or lam, or a larger min_std."
                        )
        raise AssertionError("a step was refused, but all its values are finite")


@final
class GuardedAdam:
    """Adam for one player, D (with Q and their trunk) or G."""

    def __init__(
        self, player: Player, net: nn.Module, lr: float, config: Config, guard: NonFiniteGuard
    ) -> None:
        self.player, self.lr, self.guard = player, lr, guard
        device = guard.refused.device
        on_gpu = device.type == "cuda"
        self.adam = torch.optim.Adam(
            net.parameters(),
            torch.tensor(lr, device=device) if on_gpu else lr,  # a CUDA graph reads the rate off the device
            betas=(config.optimisation.beta1, config.optimisation.beta2),
            fused=True,
            capturable=on_gpu,
        )
        # Adam's fused kernels skip the step if this is 1; gradient scalers use the same attribute.
        setattr(self.adam, "found_inf", guard.refused)  # noqa: B010, as no stub declares it

    def step(self, loss: Tensor, metrics: dict[str, Tensor], fabric: "Fabric") -> dict[str, Tensor]:
        """Descends the loss by one step, unless it is refused.

        Args:
            loss: one entry per seed.
            metrics: what is logged of it; the loss is among them.

        Returns:
            The metrics, as means over all processes.
        """
        torch.autograd.backward(loss.sum() / fabric.world_size)
        metrics = {name: value.detach() / fabric.world_size for name, value in metrics.items()}
        if fabric.world_size > 1:
            from infogan.utils.distributed import sum_gradients

            sum_gradients(self.adam, *metrics.values())
        most_specific_first = dict(reversed(metrics.items()))  # a code's L_I before its term and the loss
        self.guard.check(self.player, most_specific_first | {"the gradient": self._largest_gradient()})
        self.adam.step()
        self.adam.zero_grad()  # not before: in a VAE a part of G's gradient comes from the encoder's loss
        return metrics

    def _largest_gradient(self) -> Tensor:
        """The largest absolute entry of the gradient per seed; NaN if any is."""
        grads = [p.grad for group in self.adam.param_groups for p in group["params"] if p.grad is not None]
        if len(self.guard.seeds) == 1:
            return torch.stack(torch._foreach_norm(grads, float("inf"))).max()
        return torch.stack([grad.flatten(1).abs().amax(dim=1) for grad in grads]).amax(dim=0)

    def state(self) -> dict[str, Tensor]:
        """Adam's moments as flat tensors, each named PARAMETER.MOMENT."""
        moments = self.adam.state_dict()["state"]
        return {f"{i}.{name}": value for i, slots in moments.items() for name, value in slots.items()}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Continues from what `state` returned."""
        parameters = [p for group in self.adam.param_groups for p in group["params"]]
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in state.items():
            i, _, name = key.partition(".")
            if value.ndim:  # the fused kernels expect the memory layout of the weights
                value = torch.empty_like(parameters[int(i)]).copy_(value)
            moments.setdefault(int(i), {})[name] = value
        self.adam.load_state_dict({"state": moments, "param_groups": self.adam.state_dict()["param_groups"]})
