"""Starts trainings: a new run, a stopped run, or the runs of several seeds as one."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from infogan.config import Config
from infogan.config.spec import is_auto
from infogan.data import Images, LoadOptions, load, load_options_for
from infogan.data.shards.images import ShardedPixels
from infogan.data.tables import read_class_labels
from infogan.method.model import make_model
from infogan.runs.labels import read_labels, write_labels
from infogan.runs.locks import exclusive_lock
from infogan.runs.run import Run, check_new_run_folder
from infogan.training.auto_categories import CURVE_FILE, count_categories
from infogan.training.components.device import by_torchrun, resolve
from infogan.training.components.seeds import StackedSeeds
from infogan.training.session import RESUMABLE, Outcome, Session
from infogan.training.trainer import Trainer
from infogan.utils.environment import cores
from infogan.utils.errors import InfoganError


def train(
    config: Config, path: Path, load_options: LoadOptions, console: Console, *, stop_collapsed: bool = False
) -> Outcome:
    """Trains a new run in a new folder.

    torchrun and cluster queues repeat a command after a failure, so under torchrun a run of this config that
    is already there is resumed.

    Args:
        stop_collapsed: saves and ends the training once G's images have collapsed.

    Raises:
        InfoganError: before anything is written, if the images, the device or the folder cannot be used.
    """
    if by_torchrun() and _is_run_of(config, path):
        return resume(path, {}, load_options, console, stop_collapsed=stop_collapsed)
    check_new_run_folder(path)
    config, images = _load(config, load_options)
    config, curve = count_categories(config, images, console)
    trainer = Trainer(config, make_model(config), images)
    with _locked([path], trainer):
        run = _create(path, trainer.config, images, trainer)
        if curve:
            run.write_json(CURVE_FILE, curve.to_json())
        session = Session([run], trainer, images, console, stop_collapsed=stop_collapsed)
        session.recover()  # the first process may have a checkpoint that this machine's disk lacks
        return session.run()


def resume(
    path: Path,
    changes: Mapping[str, Any],
    load_options: LoadOptions,
    console: Console,
    *,
    stop_collapsed: bool = False,
) -> Outcome:
    """Continues from the newest valid checkpoint; the result is the same, bit for bit, as without the stop.

    Args:
        changes: settings with new values from here on: steps, devices, nodes.
        stop_collapsed: as in `train`.

    Raises:
        InfoganError: if there is no such run, it has reached its goal, or another process trains it.
    """
    run = Run.open(path)
    _use_threads_of(run)
    config = resolve(run.config.replace(**changes))
    if run.is_exported:
        raise InfoganError(f"{path} holds only weights, not the state of a training; train a new run.")
    images = _sample(config, run.images(load_options=load_options))
    if config.data.labels:
        images = replace(images, training_labels=read_labels(run, len(images)))
    trainer = Trainer(config, make_model(config), images)
    run = Run(path, trainer.config)
    with _locked([path], trainer):
        session = Session([run], trainer, images, console, stop_collapsed=stop_collapsed)
        session.recover()
        if trainer.n >= config.optimisation.steps and by_torchrun():
            return Outcome(run, trainer.n, finished=True, seconds=0.0)  # the failure came after the last step
        if trainer.n >= config.optimisation.steps:
            raise InfoganError(
                f"{path} has done its {trainer.n} steps; set a larger number of steps to continue."
            )
        if session.writes:
            run.write_config()
        return session.run()


def train_stacked(
    config: Config, paths: Mapping[int, Path], load_options: LoadOptions, console: Console
) -> Outcome:
    """Trains runs of several seeds as one: all new, or all after the same number of steps.

    Args:
        paths: the run folder of each seed.

    Raises:
        InfoganError: before anything is written, if the images, the device or the folders cannot be used.
    """
    config, images = _load(config, load_options)
    config, _ = count_categories(config, images, console)
    trainer = make_stacked_trainer(config, list(paths), images)
    with _locked(list(paths.values()), trainer):
        runs = [
            Run.open(path)
            if (path / "config.json").is_file()
            else _create(path, trainer.config.replace(seed=seed), images, trainer)
            for seed, path in paths.items()
        ]
        session = Session(runs, trainer, images, console, stop_collapsed=False)
        session.recover()
        return session.run()


def make_stacked_trainer(config: Config, seeds: Sequence[int], images: Images) -> Trainer:
    """A trainer of several seeds of one config; up to rounding, each gets the result of training it alone.

    Raises:
        InfoganError: if the config asks for several processes or bf16-mixed, or the images are in shards.
    """
    if config.run.devices * config.run.nodes > 1:
        raise InfoganError("config: seeds are stacked in one process; set devices and nodes to 1.")
    if config.codes.prior == "learned":
        raise InfoganError("config: seeds with a learned prior are not stacked; train them one by one.")
    if isinstance(images.pixels, ShardedPixels):
        raise InfoganError("config: seeds are not stacked on shards; train them one by one.")
    if resolve(config).run.precision == "bf16-mixed":
        if config.run.precision != "auto":
            raise InfoganError(
                "config: seeds are not stacked in bf16-mixed, as torch.vmap leaves weights in 32 bits there; "
                "set precision to 32-true."
            )
        config = config.replace(precision="32-true")
    models = [make_model(config.replace(seed=seed)) for seed in seeds]
    return Trainer(config, models[0], images, StackedSeeds(models, seeds))


def _load(config: Config, load_options: LoadOptions) -> tuple[Config, Images]:
    """The images to train on, and the config with the scale of their pixels."""
    images = load(config.data.images, load_options=load_options_for(config, load_options))
    if table := config.data.labels:
        labels = read_class_labels(Path(table), images.names, len(images))
        images = replace(images, training_labels=labels)
    return config.replace(**asdict(images.pixel_scale)), _sample(config, images)


def _sample(config: Config, images: Images) -> Images:
    n = config.data.max_images
    return images if n is None else images.subsample(n)


@contextmanager
def _locked(paths: Sequence[Path], trainer: Trainer) -> Iterator[None]:
    """The first process keeps other trainings out of the folders."""
    with ExitStack() as locks:
        if trainer.fabric.is_global_zero:
            for path in paths:
                locks.enter_context(exclusive_lock(path))
        yield


def _use_threads_of(run: Run) -> None:
    """As many threads as at the start, on which the bits depend, unless OMP_NUM_THREADS names a number."""
    threads = run.environment().get("machine", {}).get("threads")
    if isinstance(threads, int) and 1 <= threads <= cores() and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(threads)


def _is_run_of(config: Config, path: Path) -> bool:
    if not (path / "config.json").is_file():
        return False
    run = Run.open(path).config
    then, now = run.options(), resolve(config).with_pixel_scale_of(run).options()
    found = [*RESUMABLE, "shares", *(["codes"] if is_auto(config.codes.spec) else [])]  # by training itself
    return all(then[name] == now[name] for name in now if name not in found)


def _create(path: Path, config: Config, images: Images, trainer: Trainer) -> Run:
    run = Run(path, config)
    if not trainer.fabric.is_global_zero:
        return run
    if images.training_labels:
        write_labels(run, images.training_labels, images.names)  # first: a run without them could not resume
    return Run.create(path, config, len(images))
