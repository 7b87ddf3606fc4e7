"""Updates of an estimator's model, of which it keeps what the next ones go on from."""

from collections import deque

import numpy as np
import torch
from jaxtyping import Float
from rich.progress import Progress
from torch import Tensor

from infogan.config import Config
from infogan.data.images import Images, InMemoryPixels
from infogan.method.model import Model, Pictures
from infogan.runs.weights import load_weights
from infogan.training.state import load_state, state_of
from infogan.training.trainer import Trainer
from infogan.utils.progress import console

LAST = 100  # updates that L_I is a mean over
State = dict[str, Tensor]


def train(
    config: Config, model: Model, x: Pictures, state: State | None, steps: int, verbose: int
) -> tuple[State, Float[np.ndarray, "L"]]:
    """That many updates more, from a state, or from the model's weights after `config.pretraining.steps`.

    The model is on the CPU then.

    Gives the state, and L_I of each code, in nats. A batch is no larger than x.

    Raises:
        InfoganError: as `Trainer`.
    """
    done = 0 if state is None else int(state["n"])
    config = config.replace(steps=done + steps, batch_size=min(config.optimisation.batch_size, len(x)))
    trainer = Trainer(config, model, Images(InMemoryPixels(torch.from_numpy(x))))
    if state is not None:
        load_state(trainer, state)
    last: deque[Tensor] = deque(maxlen=LAST)
    with Progress(console=console(), disable=not verbose) as progress:
        if config.pretraining.steps and state is None:
            (stage,) = trainer.stages()
            task = progress.add_task("clustering", total=config.pretraining.steps)
            for done in stage.run():
                progress.update(task, completed=done)
            if stage.outcome.targets is not None:
                trainer.use_targets([stage.outcome.targets])
        for _, metrics in progress.track(trainer.fit(), total=steps, description="InfoGAN"):
            last.append(torch.stack([metrics[f"L_I_{name}"] for name in model.latent.names]))
    state = {name: value.detach().cpu().clone() for name, value in state_of(trainer).items()}
    for net in (model.G, model.D):
        net.cpu()
    load_weights(model, state)
    return state, torch.stack(list(last)).mean(dim=0).cpu().numpy()
