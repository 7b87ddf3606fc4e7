"""The weights of a model in a state, which is flat tensors by name."""

from collections.abc import Mapping

from torch import Tensor

from infogan.method.model import Model


def load_weights(model: Model, state: Mapping[str, Tensor]) -> None:
    """Loads the weights of a training's state into a model of the same config; averages if there are any."""
    for name, net in (("G", model.G), ("D", model.D)):
        net.load_state_dict(subset(state, f"{name}_ema") or subset(state, name))


def subset(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix.`, by the rest of their names."""
    return {k.removeprefix(f"{prefix}."): v for k, v in state.items() if k.startswith(f"{prefix}.")}
