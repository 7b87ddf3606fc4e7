"""Where trainings start: a new run, one to go on with, or several as one."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from infogan.config import Config
from infogan.data import Reading, load
from infogan.disk import alone
from infogan.errors import InfoganError
from infogan.model import make_model
from infogan.run import Run, fit, require_free
from infogan.stack import StackedTrainer
from infogan.train import Trainer
from infogan.training import Outcome, Training


def begin(config: Config, path: Path, reading: Reading, console: Console) -> Outcome:
    """Trains a new run in a new folder.

    Raises:
        InfoganError: before anything is written, where images, device or folder do not serve.
    """
    require_free(path)
    images = load(config.images, reading=fit(reading, config))
    trainer = Trainer(config, make_model(config), images)
    with alone(path):
        run = Run.create(path, trainer.config, len(images))
        return Training([run], trainer, images, console).go_on()


def resume(path: Path, updates: int | None, reading: Reading, console: Console) -> Outcome:
    """Goes on from the newest checkpoint that is whole, to the same bits as if there had been no stop.

    Args:
        updates: a new goal, if it is not the old one.

    Raises:
        InfoganError: where there is no such run, it has reached its goal, or another process trains it.
    """
    run = Run.open(path)
    config = replace(run.config, updates=run.config.updates if updates is None else updates)
    if run.is_shared:
        raise InfoganError(f"{path} holds weights to be used, not the state of a training; train anew.")
    images = run.images(reading=reading)
    trainer = Trainer(config, make_model(config), images)
    run = Run(path, config)
    with alone(path):
        training = Training([run], trainer, images, console)
        training.recover()
        if trainer.n >= config.updates:
            raise InfoganError(
                f"{path} has done its {trainer.n} updates; give a larger --updates to go on with it."
            )
        run.write_config()
        return training.go_on()


def train_stacked(config: Config, paths: Mapping[int, Path], reading: Reading, console: Console) -> Outcome:
    """Trains runs of several seeds as one: all new, or all after the same number of updates.

    Args:
        paths: the run folder of each seed.

    Raises:
        InfoganError: before anything is written, where images, device or folders do not serve.
    """
    images = load(config.images, reading=fit(reading, config))
    trainer = StackedTrainer(config, list(paths), images)
    with ExitStack() as locks:
        for path in paths.values():
            locks.enter_context(alone(path))
        runs = [
            Run.open(path)
            if (path / "config.json").is_file()
            else Run.create(path, replace(trainer.config, seed=seed), len(images))
            for seed, path in paths.items()
        ]
        training = Training(runs, trainer, images, console)
        training.recover()
        return training.go_on()
