"""Where trainings start: a new run, one to go on with, or several as one."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from infogan.config.config import Config
from infogan.data import Images, LoadOptions, load
from infogan.method.model import make_model
from infogan.runs.locks import exclusive_lock
from infogan.runs.run import Run, fit, require_free
from infogan.training.device import by_torchrun, settle
from infogan.training.seeds import StackedTrainer
from infogan.training.session import FREE, Outcome, Training
from infogan.training.trainer import Trainer
from infogan.utils.errors import InfoganError


def begin(
    config: Config, path: Path, load_options: LoadOptions, console: Console, *, stop_collapsed: bool = False
) -> Outcome:
    """Trains a new run in a new folder.

    torchrun starts the same again after a loss, and a cluster's queue after a pause; so by torchrun a run of
    this config is gone on with.

    Args:
        stop_collapsed: ends it, all saved, once the watch warns that G's images are one.

    Raises:
        InfoganError: before anything is written, where images, device or folder do not serve.
    """
    if by_torchrun() and _is_run_of(config, path):
        return resume(path, {}, load_options, console, stop_collapsed=stop_collapsed)
    require_free(path)
    images = load(config.images, load_options=fit(load_options, config))
    trainer = Trainer(config, make_model(config), images)
    with _held([path], trainer):
        run = _create(path, trainer.config, images, trainer)
        training = Training([run], trainer, images, console, stop_collapsed=stop_collapsed)
        training.recover()  # as the leading process may have what this machine's disk lacks
        return training.go_on()


def resume(
    path: Path,
    changes: Mapping[str, Any],
    load_options: LoadOptions,
    console: Console,
    *,
    stop_collapsed: bool = False,
) -> Outcome:
    """Goes on from the newest checkpoint that is whole, to the same bits as if there had been no stop.

    Args:
        changes: fields of the config that may be others from here on: updates, devices, nodes.
        stop_collapsed: as in `begin`.

    Raises:
        InfoganError: where there is no such run, it has reached its goal, or another process trains it.
    """
    run = Run.open(path)
    config = settle(replace(run.config, **changes))
    if run.is_shared:
        raise InfoganError(f"{path} holds weights to be used, not the state of a training; train anew.")
    images = run.images(load_options=load_options)
    trainer = Trainer(config, make_model(config), images)
    run = Run(path, trainer.config)
    with _held([path], trainer):
        training = Training([run], trainer, images, console, stop_collapsed=stop_collapsed)
        training.recover()
        if trainer.n >= config.updates and by_torchrun():
            return Outcome(run, trainer.n, finished=True, seconds=0.0)  # what was lost was lost at the end
        if trainer.n >= config.updates:
            raise InfoganError(
                f"{path} has done its {trainer.n} updates; give a larger --updates to go on with it."
            )
        if training.leads:
            run.write_config()
        return training.go_on()


def train_stacked(
    config: Config, paths: Mapping[int, Path], load_options: LoadOptions, console: Console
) -> Outcome:
    """Trains runs of several seeds as one: all new, or all after the same number of updates.

    Args:
        paths: the run folder of each seed.

    Raises:
        InfoganError: before anything is written, where images, device or folders do not serve.
    """
    images = load(config.images, load_options=fit(load_options, config))
    trainer = StackedTrainer(config, list(paths), images)
    with _held(list(paths.values()), trainer):
        runs = [
            Run.open(path)
            if (path / "config.json").is_file()
            else _create(path, replace(trainer.config, seed=seed), images, trainer)
            for seed, path in paths.items()
        ]
        training = Training(runs, trainer, images, console)
        training.recover()
        return training.go_on()


@contextmanager
def _held(paths: Sequence[Path], trainer: Trainer) -> Iterator[None]:
    """Of several processes the leading one keeps the folders from others."""
    with ExitStack() as locks:
        if trainer.fabric.is_global_zero:
            for path in paths:
                locks.enter_context(exclusive_lock(path))
        yield


def _is_run_of(config: Config, path: Path) -> bool:
    if not (path / "config.json").is_file():
        return False
    then, now = asdict(Run.open(path).config), asdict(settle(config))
    return all(then[name] == now[name] for name in now if name not in FREE)


def _create(path: Path, config: Config, images: Images, trainer: Trainer) -> Run:
    return Run.create(path, config, len(images)) if trainer.fabric.is_global_zero else Run(path, config)
