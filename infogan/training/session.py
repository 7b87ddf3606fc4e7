"""A training from start to stop: pretraining, steps, logs, checkpoints, recovery, rollback."""

import time
from collections.abc import Sequence
from typing import NamedTuple, final

import torch
from rich.console import Console
from torch import Tensor

from infogan.config import Config
from infogan.data.images import Images
from infogan.pretraining import Outcome as PretrainingOutcome
from infogan.pretraining import Targets
from infogan.runs.checkpoints import Checkpoint
from infogan.runs.fingerprint import fingerprint
from infogan.runs.run import Run
from infogan.training.health import HealthMonitor
from infogan.training.loggers import Display, Means, Sink, metrics_file, tensorboard
from infogan.training.pretrained import record_outcome
from infogan.training.signals import stop_requests
from infogan.training.state import load_state, state_of
from infogan.training.trainer import Trainer
from infogan.utils.errors import InfoganError, NonFiniteError, one_line
from infogan.utils.progress import progress_bar

RESUMABLE = ("steps", "devices", "nodes")  # settings that a resumed training may change
MAX_ROLLBACKS = 3  # in a row; a checkpoint resets the count
SINCE_LOG = "since_log"  # beside the trainer's state: the metrics since the last line of metrics.jsonl


class Outcome(NamedTuple):
    """How a training ended."""

    run: Run  # the first, if there are several
    steps: int  # done in all
    finished: bool  # if not, it was asked to stop
    seconds: float  # of this training


@final
class Session:
    """Trains one run per seed; no other process may train in the same folders."""

    def __init__(
        self, runs: Sequence[Run], trainer: Trainer, images: Images, console: Console, *, stop_collapsed: bool
    ) -> None:
        """
        Args:
            stop_collapsed: saves and ends the training once G's images have collapsed.
        """
        self.runs, self.trainer, self.console = runs, trainer, console
        self.stop_collapsed = stop_collapsed
        self.monitors: list[HealthMonitor] = []
        self.images = fingerprint(images)
        self.since_log: Sequence[Tensor] = [torch.empty(0) for _ in runs]
        self.means: list[Means] = []
        self.n_rollbacks = 0
        self.is_new = True  # if not, it continues from a checkpoint
        self.writes = trainer.fabric.is_global_zero  # of several processes, the first one writes

    @property
    def folders(self) -> str:
        return ", ".join(str(run.path) for run in self.runs)

    def recover(self) -> None:
        """Goes back to the newest valid checkpoints, or to the start if there are none yet.

        Raises:
            InfoganError: if they are from different steps, or do not fit the training.
        """
        # All processes get what the first one finds, as they may not share a disk.
        found: list[Checkpoint | None] = self.trainer.fabric.broadcast(
            [run.recover_checkpoint() for run in self.runs] if self.writes else []
        )
        whole = [checkpoint for checkpoint in found if checkpoint is not None]
        self.is_new = not whole
        if self.is_new:
            return
        if len({checkpoint and checkpoint.path.stem for checkpoint in found}) > 1:
            raise InfoganError(
                f"{self.folders} are at different steps; repeat the command that trained them."
            )
        for run, checkpoint in zip(self.runs, whole, strict=True):
            _require_same_config(run, checkpoint)
        states = [checkpoint.state for checkpoint in whole]
        try:
            load_state(self.trainer, *states)
        except (KeyError, RuntimeError, ValueError, TypeError, IndexError) as error:
            raise InfoganError(
                f"{whole[0].path} does not fit this training ({one_line(error)}); it or its config.json was "
                "changed."
            ) from error
        device = self.trainer.fabric.device
        self.since_log = [state.get(SINCE_LOG, torch.empty(0)).to(device) for state in states]
        if whole[0].metadata.get("images", self.images) != self.images:
            self.console.print(
                f"warning: {self.runs[0].config.data.images} has changed since {self.folders} began; "
                "training continues with the images as they are now, so the result will differ.",
                highlight=False,
            )

    def run(self) -> Outcome:
        """Trains up to the goal, or until somebody asks to stop; saves in either case.

        Raises:
            InfoganError: if a loss or gradient is not finite and no rollback helps, or the disk is full.
        """
        began, trainer = time.perf_counter(), self.trainer
        with stop_requests() as requests:
            if not (self.is_new and trainer.config.pretraining.has_stages) or self._pretrain(requests):
                self._train_with_rollbacks(requests)
        finished = trainer.n == trainer.config.optimisation.steps
        return Outcome(self.runs[0], trainer.n, finished, time.perf_counter() - began)

    def _pretrain(self, requests: list[int]) -> bool:
        """Runs the stage for each seed; False if it was asked to stop, which keeps nothing."""
        trainer = self.trainer
        began = time.perf_counter()
        outcomes: list[PretrainingOutcome] = []
        stages = list(trainer.stages())
        n_steps = stages[0].n_steps
        with progress_bar("pretraining", n_steps * len(stages), self.console) as advance_to:
            try:
                for stage in stages:
                    for step in stage.run(Targets()):
                        advance_to(len(outcomes) * n_steps + step)
                        if self._any_process(bool(requests)):
                            self.console.print("stopped during pretraining, of which nothing is kept")
                            return False
                    outcomes.append(stage.outcome)
            except RuntimeError as error:
                if trainer.fabric.world_size == 1:
                    raise
                raise self._lost(error, "starts again") from error
        for outcome in outcomes:
            self.console.print(outcome.message, soft_wrap=True, highlight=False)
        self.console.print(f"pretraining took {time.perf_counter() - began:.0f} s", highlight=False)
        targets = [outcome.targets for outcome in outcomes]
        if any(of_seed.by_code.keys() != targets[0].by_code.keys() for of_seed in targets):
            raise InfoganError(
                "pretraining found targets for other codes in some seeds than in others, so they cannot be "
                "trained as one; train them one by one."
            )
        trainer.use_targets(targets)
        for run, outcome in zip(self.runs, outcomes, strict=True):
            record_outcome(run, outcome, trainer.config, writes=self.writes)
        return True

    def _train_with_rollbacks(self, requests: list[int]) -> None:
        if self.trainer.n == 0:
            self._save()  # a disk that cannot take it fails now, not in an hour
        with Display(self.runs[0], self.trainer.model.latent, self.trainer.n, self.console) as display:
            while True:
                try:
                    self._train(requests, display)
                    return
                except NonFiniteError as error:
                    self._roll_back(error)

    def _train(self, requests: list[int], display: Display) -> None:
        trainer, config = self.trainer, self.trainer.config
        saved = trainer.n
        for run in self.runs if self.writes else ():
            run.truncate_metrics(saved)
        self.monitors = []
        self.means = [
            Means(config, since, self._sinks(run))
            for run, since in zip(self.runs, self.since_log, strict=True)
        ]
        self.means[0].sinks.append(display)
        try:
            for step, metrics in trainer.fit():
                for of_seed, means in zip(trainer.seeds.split(metrics), self.means, strict=True):
                    means.add(step, of_seed)
                collapsed = self.stop_collapsed and any(monitor.has_collapsed for monitor in self.monitors)
                stop = self._any_process(bool(requests) or collapsed)
                if step % config.run.save_every == 0 or step == config.optimisation.steps or stop:
                    self._save()
                    saved, self.n_rollbacks = step, 0
                if stop:
                    return
        except InfoganError as error:
            raise type(error)(f"{error} {self.folders} keeps the state after step {saved}.") from error
        except RuntimeError as error:
            if trainer.fabric.world_size == 1:
                raise
            raise self._lost(error, f"continues from step {saved}") from error

    def _any_process(self, flag: bool) -> bool:
        if self.trainer.fabric.world_size == 1:
            return flag
        from infogan.utils.distributed import any_of

        return any_of(flag, self.trainer.fabric.device)

    def _lost(self, error: RuntimeError, then: str) -> InfoganError:
        return InfoganError(
            f"a process of this training was lost ({one_line(error)}); infogan train --resume "
            f"{self.runs[0].path} {then}."
        )

    def _roll_back(self, error: NonFiniteError) -> None:
        if self.trainer.config.run.on_nonfinite == "stop" or self.n_rollbacks == MAX_ROLLBACKS:
            raise error
        self.n_rollbacks += 1
        self.recover()
        self.trainer.seeds.restart_streams(self.trainer.n, self.n_rollbacks)
        self.console.print(
            f"{error} Continuing from there with other random draws, attempt {self.n_rollbacks} of "
            f"{MAX_ROLLBACKS}.",
            highlight=False,
        )

    def _save(self) -> None:
        if not self.writes:
            return
        for i, run in enumerate(self.runs):
            since_log = self.means[i].since_log if self.means else self.since_log[i]
            state = state_of(self.trainer, i) | {SINCE_LOG: since_log}
            run.save(self.trainer.n, state, {"config": run.config.to_json(), "images": self.images})

    def _sinks(self, run: Run) -> list[Sink]:
        if not self.writes:
            return []
        latent, of_run = self.trainer.model.latent, f"{run.path.name}: " if len(self.runs) > 1 else ""
        codes = dict(zip(latent.names, latent.codes, strict=True))
        monitor = HealthMonitor(
            codes if run.config.terms.info.to_generator else {},  # a regular GAN has no use for its codes
            run.config.codes.fixed_std,
            lambda warning: self.console.print(f"{of_run}{warning}", highlight=False, soft_wrap=True),
        )
        for row in run.metrics():
            monitor(row)
        self.monitors.append(monitor)
        return [metrics_file(run), *tensorboard(run, self.trainer.n), monitor]


def _require_same_config(run: Run, checkpoint: Checkpoint) -> None:
    """Raises InfoganError if config.json differs from the config in the checkpoint."""
    text = checkpoint.metadata.get("config")
    if text is None:
        return
    then, now = Config.from_json(text).options(), run.config.options()
    changed = [name for name in now if name not in RESUMABLE and then[name] != now[name]]
    if changed:
        raise InfoganError(
            f"{run.path / 'config.json'} has {changed[0]} {now[changed[0]]!r}, but {checkpoint.path.name} "
            f"was made with {then[changed[0]]!r}; put that back."
        )
