"""Training of an estimator's model."""

from collections import deque
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from infogan.config import Config
from infogan.data.images import Images, InMemoryPixels
from infogan.data.labels import Labels
from infogan.method.model import Model, Pictures
from infogan.pretraining import Targets
from infogan.runs.checkpoints import checksum
from infogan.runs.weights import load_weights
from infogan.training.state import load_state, state_of
from infogan.training.trainer import Trainer
from infogan.utils.progress import console as standard_error
from infogan.utils.torch_state import torch_defaults

N_AVERAGED = 100  # steps over which L_I is averaged


class TrainingState(NamedTuple):
    """What a training continues from."""

    tensors: dict[str, Tensor]
    x_checksum: str  # of the rows that targets from clustering belong to
    category_names: tuple[str, ...] = ()  # of the first categories of the first discrete code, by labels


def progress_console(verbose: int | None) -> Console:
    """Standard error: silent if `verbose` is 0, or is None and standard error is no terminal."""
    stderr = standard_error()
    stderr.quiet = stderr.quiet or not (stderr.is_terminal if verbose is None else verbose)
    return stderr


@torch_defaults()
def train(
    config: Config,
    model: Model,
    x: Pictures,
    labels: Labels | None,
    state: TrainingState | None,
    steps: int,
    console: Console,
) -> tuple[TrainingState, Float[np.ndarray, "L"]]:
    """Trains a model for some steps, which continue a state if there is one.

    The model ends up on the CPU. A batch is at most as large as x. Without a state, clustering comes first if
    the config says so; its targets are used as long as x stays the same.

    Args:
        labels: the classes of some rows that clusters are to be named after.
        console: for the progress, as `progress_console`.

    Returns:
        The state, and L_I of each code in nats.

    Raises:
        InfoganError: as `Trainer`.
    """
    n_done, rows = 0, torch.from_numpy(x)
    x_checksum = checksum({"x": rows})
    if state is not None:
        n_done = int(state.tensors["n"])
    config = config.replace(steps=n_done + steps, batch_size=min(config.optimisation.batch_size, len(x)))
    trainer = Trainer(config, model, Images(InMemoryPixels(rows), training_labels=labels))
    category_names = state.category_names if state else ()
    if state is not None:
        is_same_x = x_checksum == state.x_checksum
        load_state(
            trainer, {k: v for k, v in state.tensors.items() if is_same_x or not k.startswith("targets.")}
        )
    last: deque[Tensor] = deque(maxlen=N_AVERAGED)
    with Progress(console=console, disable=console.quiet) as progress:
        if config.pretraining.has_stages and state is None:
            (stage,) = trainer.stages()
            task = progress.add_task("pretraining", total=stage.n_steps)
            for step in stage.run(Targets()):
                progress.update(task, completed=step)
            trainer.use_targets([stage.outcome.targets])
            category_names = next(iter(stage.outcome.categories.values()), ())
        for _, metrics in progress.track(trainer.fit(), total=steps, description="InfoGAN"):
            last.append(torch.stack([metrics[f"L_I_{name}"] for name in model.latent.names]))
    tensors = {name: value.detach().cpu().clone() for name, value in state_of(trainer).items()}
    model.cpu()
    load_weights(model, tensors)
    return TrainingState(tensors, x_checksum, category_names), torch.stack(list(last)).mean(
        dim=0
    ).cpu().numpy()
