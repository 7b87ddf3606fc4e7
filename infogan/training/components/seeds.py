"""The networks of one seed, or of several that are trained as one by `torch.vmap`.

The code of a step is written for one seed. With several, every tensor has an additional first dimension.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, final

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state
from torch.utils._pytree import tree_map

from infogan.method.model import Model
from infogan.utils.rng import make_rng

if TYPE_CHECKING:
    from lightning_fabric import Fabric

T = TypeVar("T")
State = dict[str, Tensor]


class Seeds(ABC):
    """What a trainer needs to know of the seeds that it trains."""

    numbers: list[int]
    models: list[Model]
    G: nn.Module  # hold the parameters of all seeds
    D: nn.Module
    rngs: list[torch.Generator]  # the random stream of each seed

    def setup(self, fabric: "Fabric", dtype: torch.dtype, *, sync_batchnorm: bool) -> None:
        """Moves the networks to the device and the precision of training, and starts the random streams."""
        if fabric.world_size > 1 and sync_batchnorm:
            from infogan.training.components.ddp import synchronise_batchnorm

            for net in (self.G, self.D):
                synchronise_batchnorm(net)
        for net in (self.G, self.D):
            net.to(fabric.device, dtype)
        self.rngs = [make_rng(number, "latent", fabric.device) for number in self.numbers]

    def train(self) -> None:
        """Puts the networks in training mode."""
        self.G.train()
        self.D.train()

    def eval(self) -> None:
        """Puts the networks in evaluation mode."""
        self.G.eval()
        self.D.eval()

    def restart_streams(self, n: int, attempt: int) -> None:
        """Replaces the random streams after step n, by the same ones for the same attempt."""
        device = self.rngs[0].device
        self.rngs = [
            make_rng(number, f"latent, from {n}, attempt {attempt}", device) for number in self.numbers
        ]

    def initial_models(self, device: torch.device) -> list[Model]:
        """A model per seed, with its initial weights if no step was done yet."""
        like = next(self.G.parameters())
        return [model.to(device, like.dtype) for model in self.models]

    @abstractmethod
    def call(self, f: Callable[..., T], *args: Any) -> T:
        """f(G, D, *args) for each seed, where G and D are callables of one network."""

    @abstractmethod
    def draw(self, sample: Callable[[torch.Generator], T]) -> T:
        """What `sample` draws from the stream of each seed."""

    @abstractmethod
    def stack(self, tensors: Sequence[Tensor]) -> Tensor:
        """One tensor per seed, as `call` takes them."""

    @abstractmethod
    def split(self, metrics: Mapping[str, Tensor]) -> list[State]:
        """Metrics of all seeds, seed by seed."""

    @abstractmethod
    def state_of(self, i: int, state: State) -> State:
        """The state of seed i, from that of all."""

    @abstractmethod
    def merge(self, states: Sequence[State]) -> State:
        """The state of all seeds, from that of each."""


@final
class OneSeed(Seeds):
    """The usual case: the networks themselves."""

    def __init__(self, model: Model, seed: int) -> None:
        self.numbers, self.models = [seed], [model]
        self.G, self.D = model.G, model.D

    def call(self, f: Callable[..., T], *args: Any) -> T:
        return f(partial(_call, self.G), partial(_call, self.D), *args)

    def draw(self, sample: Callable[[torch.Generator], T]) -> T:
        (rng,) = self.rngs
        return sample(rng)

    def stack(self, tensors: Sequence[Tensor]) -> Tensor:
        (tensor,) = tensors
        return tensor

    def split(self, metrics: Mapping[str, Tensor]) -> list[State]:
        return [dict(metrics)]

    def state_of(self, i: int, state: State) -> State:
        return state

    def merge(self, states: Sequence[State]) -> State:
        (state,) = states
        return state


@final
class StackedSeeds(Seeds):
    """Several seeds, whose weights are stacked: `torch.vmap` makes batched products and grouped convolutions.

    For GPUs: one network of this size would leave most of a GPU idle.
    """

    def __init__(self, models: Sequence[Model], seeds: Sequence[int]) -> None:
        self.numbers, self.models = list(seeds), list(models)
        self.G, self.D = _stacked([m.G for m in models]), _stacked([m.D for m in models])

    def call(self, f: Callable[..., T], *args: Any) -> T:
        def of_one(g: State, d: State, args: tuple[Any, ...]) -> T:
            return f(partial(_call_with, self.G, g), partial(_call_with, self.D, d), *args)

        result: T = torch.vmap(of_one)(_tensors(self.G), _tensors(self.D), args)
        return result

    def draw(self, sample: Callable[[torch.Generator], T]) -> T:
        drawn = [sample(rng) for rng in self.rngs]
        stacked: T = tree_map(lambda *tensors: torch.stack(tensors), *drawn)
        return stacked

    def stack(self, tensors: Sequence[Tensor]) -> Tensor:
        return torch.stack(list(tensors))

    def split(self, metrics: Mapping[str, Tensor]) -> list[State]:
        return [{name: value[i] for name, value in metrics.items()} for i in range(len(self.numbers))]

    def state_of(self, i: int, state: State) -> State:
        return {name: value if _is_shared(name) else value[i] for name, value in state.items()}

    def merge(self, states: Sequence[State]) -> State:
        return {
            name: value if _is_shared(name) else torch.stack([state[name] for state in states])
            for name, value in states[0].items()
        }


def _stacked(nets: Sequence[nn.Module]) -> nn.Module:
    """A network whose tensors are those of all, with a first dimension more."""
    template = deepcopy(nets[0])
    parameters, buffers = stack_module_state(list(nets))
    for name, value in [*parameters.items(), *buffers.items()]:
        layer, _, slot = name.rpartition(".")
        tensor = nn.Parameter(value.detach()) if name in parameters else value
        setattr(template.get_submodule(layer), slot, tensor)
    return template


def _tensors(net: nn.Module) -> State:
    return dict(net.named_parameters()) | dict(net.named_buffers())


def _call(net: nn.Module, *args: Any, **options: Any) -> Any:
    """The network at `args`; what goes in and comes out has the precision of its weights."""
    return _call_with(net, None, *args, **options)


def _call_with(net: nn.Module, tensors: State | None, *args: Any, **options: Any) -> Any:
    """The same with these tensors in place of the network's."""
    dtype = next(net.parameters()).dtype

    def cast(x: Tensor) -> Tensor:
        return x.to(dtype) if x.is_floating_point() else x

    args = tree_map(cast, args)
    outputs = net(*args, **options) if tensors is None else functional_call(net, tensors, args, options)
    return tree_map(cast, outputs)


def _is_shared(name: str) -> bool:
    return name.endswith(".step")  # Adam counts the steps of all seeds at once
