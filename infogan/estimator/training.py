"""Updates of an estimator's model, of which it keeps what the next ones go on from."""

from collections import deque
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from rich.progress import Progress
from torch import Tensor

from infogan.config.config import Config
from infogan.data.images import Images, InMemoryPixels
from infogan.method.model import Model, Pictures
from infogan.runs.weights import load_weights
from infogan.training.trainer import Trainer
from infogan.utils.progress import console

LAST = 100  # updates that L_I is a mean over
State = dict[str, Tensor]


def train(
    config: Config, model: Model, x: Pictures, state: State | None, updates: int, verbose: int
) -> tuple[State, Float[np.ndarray, "L"]]:
    """That many updates more, from a state, or from the model's weights after `config.warm_up`.

    The model is on the CPU then.

    Gives the state, and L_I of each code, in nats. A batch is no larger than x.

    Raises:
        InfoganError: as `Trainer`.
    """
    done = 0 if state is None else int(state["n"])
    config = replace(config, updates=done + updates, batch=min(config.batch, len(x)))
    trainer = Trainer(config, model, Images(InMemoryPixels(torch.from_numpy(x))))
    if state is not None:
        trainer.load_state(state)
    last: deque[Tensor] = deque(maxlen=LAST)
    with Progress(console=console(), disable=not verbose) as progress:
        if config.warm_up and state is None:
            task = progress.add_task("warm-up", total=config.warm_up)
            for step in trainer.warm_up():
                progress.update(task, completed=step.n)
        for update in progress.track(trainer.fit(), total=updates, description="InfoGAN"):
            last.append(update.L_I)
    state = {name: value.detach().cpu().clone() for name, value in trainer.state().items()}
    for net in (model.G, model.D):
        net.cpu()
    load_weights(model, state)
    return state, torch.stack(list(last)).mean(dim=0).cpu().numpy()
