"""One training from start to stop: begins or resumes a run, and saves it whatever ends it."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from rich.console import Console

from infogan import data
from infogan.config import Config
from infogan.data import Reading
from infogan.errors import InfoganError
from infogan.listen import Display, Means, metrics_file, tensorboard
from infogan.model import make_model
from infogan.run import Run
from infogan.train import Trainer


class Outcome(NamedTuple):
    """How a training ended."""

    run: Run
    updates: int  # done in all
    finished: bool  # or else asked to stop
    seconds: float  # of this training


def begin(config: Config, path: Path, reading: Reading, console: Console) -> Outcome:
    """Trains a new run in a new folder.

    Raises:
        InfoganError: before anything is written, where images, device or folder do not serve.
    """
    images = data.load(config.images, reading=reading)
    trainer = Trainer(config, make_model(config), images)
    return _train(Run.create(path, config, len(images)), trainer, console)


def resume(path: Path, updates: int | None, reading: Reading, console: Console) -> Outcome:
    """Goes on from the newest checkpoint, to the same bits as if there had been no stop.

    Args:
        updates: a new goal, if it is not the old one.

    Raises:
        InfoganError: where there is no such run, or it has reached its goal.
    """
    run = Run.open(path)
    config = replace(run.config, updates=run.config.updates if updates is None else updates)
    trainer = Trainer(config, make_model(config), data.load(config.images, reading=reading))
    trainer.load_state(run.state())
    if trainer.n >= config.updates:
        raise InfoganError(
            f"{path} has done its {trainer.n} updates; give a larger --updates to go on with it."
        )
    run = Run(path, config)
    run.write_config()
    run.cut_metrics(trainer.n)
    return _train(run, trainer, console)


def _train(run: Run, trainer: Trainer, console: Console) -> Outcome:
    began = time.perf_counter()
    latent, goal = trainer.model.latent, run.config.updates
    saved = trainer.n
    if saved == 0:
        run.save(trainer)  # a disk that cannot take it says so now, not in an hour
    with asked_to_stop() as asked, Display(run, latent, trainer.n, console) as display:
        means = Means(run, latent, [metrics_file(run), *tensorboard(run, trainer.n), display])
        try:
            for update in trainer.fit():
                means(update)
                if update.n % run.config.save_every == 0 or update.n == goal or asked:
                    run.save(trainer)
                    saved = update.n
                if asked:
                    break
        except InfoganError as error:
            raise InfoganError(f"{error} {run.path} keeps the state after update {saved}.") from error
    return Outcome(run, trainer.n, trainer.n == goal, time.perf_counter() - began)


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
