"""The weights of a model in a training state, which is one flat dictionary of tensors."""

from collections.abc import Mapping

from torch import Tensor

from infogan.method.model import Model


def load_weights(model: Model, state: Mapping[str, Tensor]) -> None:
    """Loads G and D from a training state: their moving averages (EMA) if the state has them."""
    for name, net in (("G", model.G), ("D", model.D)):
        net.load_state_dict(subset(state, f"{name}_ema") or subset(state, name))


def subset(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors named `prefix.NAME`, by NAME."""
    return {k.removeprefix(f"{prefix}."): v for k, v in state.items() if k.startswith(f"{prefix}.")}
