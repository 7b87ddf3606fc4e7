"""One training from start to stop: begins or resumes runs, and saves them whatever ends it."""

import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from rich.console import Console

from infogan.config import Config
from infogan.data import Reading, load
from infogan.errors import InfoganError
from infogan.listen import Display, Means, metrics_file, tensorboard
from infogan.model import make_model
from infogan.run import Run, fit
from infogan.stack import StackedTrainer
from infogan.train import Trainer


class Outcome(NamedTuple):
    """How a training ended."""

    run: Run  # the first, where there are several
    updates: int  # done in all
    finished: bool  # or else asked to stop
    seconds: float  # of this training


def begin(config: Config, path: Path, reading: Reading, console: Console) -> Outcome:
    """Trains a new run in a new folder.

    Raises:
        InfoganError: before anything is written, where images, device or folder do not serve.
    """
    images = load(config.images, reading=fit(reading, config))
    trainer = Trainer(config, make_model(config), images)
    return _train([Run.create(path, trainer.config, len(images))], trainer, console)


def resume(path: Path, updates: int | None, reading: Reading, console: Console) -> Outcome:
    """Goes on from the newest checkpoint, to the same bits as if there had been no stop.

    Args:
        updates: a new goal, if it is not the old one.

    Raises:
        InfoganError: where there is no such run, or it has reached its goal.
    """
    run = Run.open(path)
    config = replace(run.config, updates=run.config.updates if updates is None else updates)
    trainer = Trainer(config, make_model(config), run.images(reading=reading))
    state = run.state()
    if "n" not in state:
        raise InfoganError(f"{path} holds weights to be used, not the state of a training; train anew.")
    trainer.load_state(state)
    if trainer.n >= config.updates:
        raise InfoganError(
            f"{path} has done its {trainer.n} updates; give a larger --updates to go on with it."
        )
    run = Run(path, config)
    run.write_config()
    run.cut_metrics(trainer.n)
    return _train([run], trainer, console)


def train_stacked(config: Config, paths: Mapping[int, Path], reading: Reading, console: Console) -> Outcome:
    """Trains runs of several seeds as one: all new, or all after the same number of updates.

    Args:
        paths: the run folder of each seed.

    Raises:
        InfoganError: before anything is written, where images, device or folders do not serve.
    """
    images = load(config.images, reading=fit(reading, config))
    trainer = StackedTrainer(config, list(paths), images)
    runs = [
        Run.open(path)
        if (path / "config.json").is_file()
        else Run.create(path, replace(trainer.config, seed=seed), len(images))
        for seed, path in paths.items()
    ]
    if any(run.updates for run in runs):
        trainer.load_state(*(run.state() for run in runs))
    for run in runs:
        run.cut_metrics(trainer.n)  # lines that a crash left behind the last checkpoint
    return _train(runs, trainer, console)


def _train(runs: Sequence[Run], trainer: Trainer, console: Console) -> Outcome:
    """Trains, for a run a seed of the trainer."""
    began = time.perf_counter()
    latent, config = trainer.model.latent, trainer.config
    saved = trainer.n
    if saved == 0:
        _save(runs, trainer)  # a disk that cannot take it says so now, not in an hour
    with asked_to_stop() as asked, Display(runs[0], latent, trainer.n, console) as display:
        means = [Means(r, latent, [metrics_file(r), *tensorboard(r, trainer.n)]) for r in runs]
        means[0].sinks.append(display)
        try:
            for update in trainer.fit():
                for one, of_run in zip(trainer.of_seeds(update), means, strict=True):
                    of_run(one)
                if update.n % config.save_every == 0 or update.n == config.updates or asked:
                    _save(runs, trainer)
                    saved = update.n
                if asked:
                    break
        except InfoganError as error:
            kept = ", ".join(str(run.path) for run in runs)
            raise InfoganError(f"{error} {kept} keeps the state after update {saved}.") from error
    return Outcome(runs[0], trainer.n, trainer.n == config.updates, time.perf_counter() - began)


def _save(runs: Sequence[Run], trainer: Trainer) -> None:
    for i, run in enumerate(runs):
        run.save(trainer, i)


@contextmanager
def asked_to_stop() -> Iterator[list[int]]:
    """A list that fills when somebody presses Ctrl-C; between updates all can be saved, within one not."""
    asked: list[int] = []

    def ask(number: int, _: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt  # pressed twice: the person means now
        asked.append(number)

    before = {s: signal.signal(s, ask) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
