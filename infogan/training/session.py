"""A trainer and the run folders of its seeds: what is saved when, gone back to, and told to whom."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import NamedTuple, final

import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from infogan.config.config import Config
from infogan.data import Images
from infogan.data.shards.images import ShardedPixels
from infogan.pretraining.clustering.stage import AGREED
from infogan.runs.checkpoints import Checkpoint, checksum
from infogan.runs.run import Run
from infogan.training.health import Watch
from infogan.training.loggers import Display, Means, Row, metrics_file, tensorboard
from infogan.training.signals import asked_to_stop
from infogan.training.trainer import Trainer
from infogan.utils.errors import InfoganError, NotFinite, one_line

FREE = ("updates", "devices", "nodes")  # of the config, which a resumed training may change
ATTEMPTS = 3  # of a rollback, without a checkpoint between them
LOOKED_AT = 64  # images that stand for all of them
SINCE_LOG = "since_log"  # beside the trainer's state: what the next line of metrics.jsonl has to know


class Outcome(NamedTuple):
    """How a training ended."""

    run: Run  # the first, where there are several
    updates: int  # done in all
    finished: bool  # or else asked to stop
    seconds: float  # of this training


@final
class Training:
    """Trains runs in folders that nobody else trains in."""

    def __init__(
        self,
        runs: Sequence[Run],
        trainer: Trainer,
        images: Images,
        console: Console,
        *,
        stop_collapsed: bool = False,
    ) -> None:
        """Takes a run for each seed of the trainer.

        Args:
            stop_collapsed: ends the training, all saved, once the watch warns that G's images are one.
        """
        self.runs = runs
        self.trainer = trainer
        self.console = console
        self.stop_collapsed = stop_collapsed
        self.watches: list[Watch] = []
        self.images = mark(images)
        self.since_log: Sequence[Tensor] = [torch.empty(0) for _ in runs]
        self.means: list[Means] = []
        self.attempt = 0
        self.begins = True  # or else goes on from a checkpoint
        self.leads = trainer.fabric.is_global_zero  # of several processes, the one that writes

    @property
    def named(self) -> str:
        return ", ".join(str(run.path) for run in self.runs)

    def recover(self) -> None:
        """Goes back to the newest whole checkpoints, or to the beginning where there is none yet.

        Raises:
            InfoganError: where they are of different updates, or of no training.
        """
        # The others hold what it finds, wherever they run; a disk need not be shared.
        found: list[Checkpoint | None] = self.trainer.fabric.broadcast(
            [run.recover() for run in self.runs] if self.leads else []
        )
        whole = [checkpoint for checkpoint in found if checkpoint is not None]
        self.begins = not whole
        if self.begins:
            return
        if len({checkpoint and checkpoint.path.stem for checkpoint in found}) > 1:
            raise InfoganError(f"{self.named} have come differently far; start again what trains them.")
        for run, checkpoint in zip(self.runs, whole, strict=True):
            _require_same(run, checkpoint)
        states = [checkpoint.state for checkpoint in whole]
        try:
            self.trainer.load_state(*states)
        except (KeyError, RuntimeError, ValueError, TypeError, IndexError) as error:
            raise InfoganError(
                f"{whole[0].path} is no state of this training ({one_line(error)}); it or its config.json "
                "was changed."
            ) from error
        device = self.trainer.fabric.device
        self.since_log = [state.get(SINCE_LOG, torch.empty(0)).to(device) for state in states]
        if whole[0].about.get("images", self.images) != self.images:
            self.console.print(
                f"warning: {self.named} began with other images than {self.runs[0].config.images} holds now; "
                "going on with these, not to what it would have become.",
                highlight=False,
            )

    def go_on(self) -> Outcome:
        """Trains up to the goal, or until somebody asks to stop, and saves whatever ends it.

        Raises:
            InfoganError: where a loss is no finite number and no rollback helps, or the disk is full.
        """
        began, trainer = time.perf_counter(), self.trainer
        with asked_to_stop() as asked:
            if not (self.begins and trainer.config.warm_up) or self._warm_up(asked):
                self._go_on(asked)
        return Outcome(
            self.runs[0], trainer.n, trainer.n == trainer.config.updates, time.perf_counter() - began
        )

    def _go_on(self, asked: list[int]) -> None:
        if self.trainer.n == 0:
            self._save()  # a disk that cannot take it says so now, not in an hour
        with Display(self.runs[0], self.trainer.model.latent, self.trainer.n, self.console) as display:
            while True:
                try:
                    self._train(asked, display)
                    return
                except NotFinite as error:
                    self._roll_back(error)

    def _warm_up(self, asked: list[int]) -> bool:
        """Whether what comes before the first update was done; nothing is kept where it is asked to stop."""
        trainer = self.trainer
        updates, began = trainer.config.warm_up, time.perf_counter()
        kept: list[Tensor] = []
        agreed: list[float] = []
        with Progress(console=self.console, disable=not self.console.is_terminal, transient=True) as progress:
            task = progress.add_task("warm-up", total=updates * len(self.runs))
            done = 0
            try:
                for step in trainer.warm_up():
                    if step.n != done:  # else it is between two updates, where it can be stopped too
                        done = step.n
                        progress.advance(task)
                        kept.append(step.kept)
                    elif math.isfinite(step.agreement):
                        agreed.append(step.agreement)
                    if trainer.any_of(bool(asked)):
                        self.console.print(
                            "stopped within the warm-up, of which nothing is kept", highlight=False
                        )
                        return False
            except RuntimeError as error:
                if trainer.world == 1:
                    raise
                raise self._lost(error, "begins anew") from error
        spent, agreement = time.perf_counter() - began, min(agreed)
        said = f"warm-up: {done:,} updates in {spent:.0f} s; ways of finding kinds agree by {agreement:.2f}"
        if trainer.finder is None:
            said += f", less than {AGREED}, so there are none, and the training goes on without"
        else:
            found, most = float(torch.stack(kept[-LOOKED_AT:]).mean()), math.log(trainer.model.latent.k)
            said += f"; a kind keeps {found:.2f} of at most {most:.2f} nats of an image that moves"
        self.console.print(said, highlight=False, soft_wrap=True)
        return True

    def _train(self, asked: list[int], display: Display) -> None:
        trainer, config, latent = self.trainer, self.trainer.config, self.trainer.model.latent
        saved = trainer.n
        for run in self.runs if self.leads else ():
            run.cut_metrics(saved)
        self.watches = []
        self.means = [
            Means(config, latent, since, self._sinks(run))
            for run, since in zip(self.runs, self.since_log, strict=True)
        ]
        self.means[0].sinks.append(display)
        try:
            for update in trainer.fit():
                for one, means in zip(trainer.of_seeds(update), self.means, strict=True):
                    means(one)
                collapsed = self.stop_collapsed and any("G" in watch.said for watch in self.watches)
                stop = trainer.any_of(bool(asked) or collapsed)
                if update.n % config.save_every == 0 or update.n == config.updates or stop:
                    self._save()
                    saved, self.attempt = update.n, 0
                if stop:
                    return
        except InfoganError as error:
            said = f"{error} {self.named} keeps the state after update {saved}."
            raise type(error)(said) from error
        except RuntimeError as error:
            if trainer.world == 1:
                raise
            raise self._lost(error, f"goes on from update {saved}") from error

    def _lost(self, error: RuntimeError, then: str) -> InfoganError:
        """What others of several processes say of one that is lost, as what they send each other fails."""
        return InfoganError(
            f"a process of this training was lost ({one_line(error)}); infogan train --resume "
            f"{self.runs[0].path} {then}."
        )

    def _roll_back(self, error: NotFinite) -> None:
        if self.trainer.config.on_nonfinite == "stop" or self.attempt == ATTEMPTS:
            raise error
        self.attempt += 1
        self.recover()
        self.trainer.draw_otherwise(self.attempt)
        self.console.print(
            f"{error} Going on from there with other draws, attempt {self.attempt} of {ATTEMPTS}.",
            highlight=False,
        )

    def _save(self) -> None:
        if not self.leads:
            return
        for i, run in enumerate(self.runs):
            since_log = self.means[i].gathered if self.means else self.since_log[i]
            state = self.trainer.state(i) | {SINCE_LOG: since_log}
            run.save(self.trainer.n, state, {"config": run.config.to_json(), "images": self.images})

    def _sinks(self, run: Run) -> list[Callable[[Row], None]]:
        if not self.leads:
            return []
        return [metrics_file(run), *tensorboard(run, self.trainer.n), self._watch(run)]

    def _watch(self, run: Run) -> Watch:
        latent = self.trainer.model.latent
        whose = f"{run.path.name}: " if len(self.runs) > 1 else ""
        watch = Watch(
            dict(zip(latent.names, latent.codes, strict=True)),
            run.config.fixed_std,
            lambda warning: self.console.print(f"{whose}{warning}", highlight=False, soft_wrap=True),
        )
        for row in run.metrics():
            watch(row)
        self.watches.append(watch)
        return watch


def _require_same(run: Run, checkpoint: Checkpoint) -> None:
    """A damaged or altered config would lead elsewhere than where the run was going."""
    said = checkpoint.about.get("config")
    if said is None:
        return
    then, now = asdict(Config.from_json(said)), asdict(run.config)
    others = [name for name in now if name not in FREE and then[name] != now[name]]
    if others:
        raise InfoganError(
            f"{run.path / 'config.json'} says {others[0]} {now[others[0]]!r} where {checkpoint.path.name} "
            f"was made by {then[others[0]]!r}; put that back."
        )


def mark(images: Images) -> str:
    """Changes where images are added or taken away, and in most cases where they are altered."""
    if isinstance(images.pixels, ShardedPixels):
        return images.pixels.shards.fingerprint  # whose index tells it sooner than pictures
    n = len(images)
    index = torch.linspace(0, n - 1, min(n, LOOKED_AT), dtype=torch.float64).long()
    return f"{n} {checksum({'x': images.pixels.take(index)})[:16]}"
