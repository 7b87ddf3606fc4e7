"""The state of a training as flat tensors by name: all that the next step depends on."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from infogan.pretraining.stage import Targets
from infogan.runs.weights import subset
from infogan.training.trainer import Trainer

State = dict[str, Tensor]


def state_of(trainer: Trainer, i: int = 0) -> State:
    """The weights, averages, moments of Adam, random stream, targets and steps done, of seed i.

    Contiguous, as safetensors takes them.

    Raises:
        NonFiniteError: if a step since the last check was refused.
    """
    trainer.check_finite()
    whole = {
        **{
            f"{name}.{key}": value
            for name, net in _nets(trainer).items()
            for key, value in net.state_dict().items()
        },
        **{f"adam_g.{key}": value for key, value in trainer.adam_g.state().items()},
        **{f"adam_d.{key}": value for key, value in trainer.adam_d.state().items()},
    }
    tables = trainer.batches.targets[i] if trainer.batches.targets else {}
    targets = {f"targets.{code}": table for code, table in tables.items()}
    of_seed = {"rng": trainer.seeds.rngs[i].get_state(), "n": torch.tensor(trainer.n)}
    state = trainer.seeds.state_of(i, whole) | targets | of_seed
    return {name: value.contiguous() for name, value in state.items()}


def load_state(trainer: Trainer, *states: Mapping[str, Tensor]) -> None:
    """Continues from states that `state_of` returned, one per seed, all after the same number of steps."""
    tables = [subset(state, "targets") for state in states]
    trainer.use_targets(
        [Targets({int(code): table for code, table in of_seed.items()}) for of_seed in tables]
    )
    own = ("rng", "n", "targets.", "since_log")
    state = trainer.seeds.merge(
        [{k: v for k, v in state.items() if not k.startswith(own)} for state in states]
    )
    for name, net in _nets(trainer).items():
        net.load_state_dict(subset(state, name))
    trainer.adam_g.load_state(subset(state, "adam_g"))
    trainer.adam_d.load_state(subset(state, "adam_d"))
    for rng, of_seed in zip(trainer.seeds.rngs, states, strict=True):
        rng.set_state(of_seed["rng"])
    trainer.n = int(states[0]["n"])
    trainer.guard.reset(trainer.n)


def _nets(trainer: Trainer) -> dict[str, nn.Module]:
    averages = {f"{name}_ema": average.average for name, average in trainer.averages.items()}
    return {"G": trainer.seeds.G, "D": trainer.seeds.D, **averages}
