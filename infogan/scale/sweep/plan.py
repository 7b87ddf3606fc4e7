"""The runs of a sweep, and how they are trained: how many at a time, on what."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from infogan.config import Config
from infogan.runs.run import Run
from infogan.scale.sweep.settings import Setting, folder_name, say_setting
from infogan.training.device import resolve
from infogan.utils.environment import cores
from infogan.utils.errors import InfoganError


@final
@dataclass(frozen=True)
class Trial:
    """One run of a sweep, begun or not."""

    path: Path
    config: Config
    setting: Setting

    @property
    def begun(self) -> bool:
        return (self.path / "config.json").is_file()

    @property
    def steps(self) -> int:
        """How many updates it has done."""
        return Run.open(self.path).steps if self.begun else 0

    @property
    def done(self) -> bool:
        return self.steps == self.config.optimisation.steps


@final
@dataclass(frozen=True)
class Plan:
    """How the runs of a sweep are trained."""

    stacked: bool = False  # the seeds of a setting as one
    stop_collapsed: bool = False  # whether a run whose images became one is ended there
    cpus: int | None = None  # cores that a run takes; None: all of this machine, or one of a cluster's
    gpus: float | None = None  # GPUs that a run takes on a cluster
    ray: str | None = None  # auto, local, or a cluster's HOST:PORT

    def at_a_time(self, config: Config) -> int:
        """How many runs train at once on this machine.

        Raises:
            InfoganError: where what was asked for does not go together, or is not there.
        """
        if self.cpus is not None and self.cpus < 1:
            raise InfoganError(f"sweep: --cpus is {self.cpus}, but must be at least 1.")
        if self.gpus is not None and not 0 <= self.gpus < float("inf"):
            raise InfoganError(f"sweep: --gpus is {self.gpus:g}, but must be 0 or more.")
        if self.gpus is not None and self.ray is None:
            raise InfoganError("sweep: --gpus shares a cluster's GPUs out; name the cluster by --ray.")
        if self.ray is None and self.cpus is not None and self.cpus > cores():
            raise InfoganError(f"sweep: --cpus is {self.cpus}, but this machine has {cores()} processors.")
        several = cores() // (self.cpus or cores())
        apart = self.ray is not None or several > 1
        if self.stacked and (apart or self.stop_collapsed):
            raise InfoganError(
                "sweep: --stacked trains the seeds as one, without --cpus, --ray and --stop-collapsed."
            )
        if apart and config.run.devices * config.run.nodes > 1:
            raise InfoganError(
                "sweep: runs of several --devices or --nodes train one after the other, without --cpus and "
                "--ray."
            )
        if self.ray is not None and config.run.device == "cuda" and not self.gpus:
            raise InfoganError("sweep: --device cuda on a cluster takes --gpus, such as --gpus 1.")
        return several


def make_trials(
    name: str, config: Config, seeds: int, settings: Sequence[Setting], folder: Path
) -> list[Trial]:
    """A trial for each seed and setting; all settings of a seed before the next seed.

    Raises:
        InfoganError: for no seed, a value out of range, two settings whose folders would be the same, or a
            folder that holds a run of another config.
    """
    if seeds < 1:
        raise InfoganError(f"sweep: --seeds is {seeds}, but must be at least 1.")
    trials: dict[Path, Trial] = {}
    for seed in range(config.run.seed, config.run.seed + seeds):
        for setting in settings:
            path = folder / folder_name(name, setting, seed)
            if path in trials:
                raise InfoganError(
                    f"sweep: {say_setting(trials[path].setting)} and {say_setting(setting)} would share the "
                    f"folder {path}; sweep over one of them at a time."
                )
            trials[path] = Trial(path, resolve(config.replace(**setting, seed=seed)), setting)
    for trial in trials.values():
        if trial.begun and Run.open(trial.path).config != trial.config:
            raise InfoganError(f"{trial.path} holds a run of another config; name another folder by --out.")
    return list(trials.values())
