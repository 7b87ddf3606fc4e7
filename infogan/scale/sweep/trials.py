"""The runs of a sweep, and the options that say how they are trained."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from infogan.config import Config
from infogan.config.presets import with_settings
from infogan.runs.run import Run
from infogan.scale.sweep.settings import Setting, folder_name, format_setting
from infogan.training.components.device import resolve
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
        """How many steps are done."""
        return Run.open(self.path).steps if self.begun else 0

    @property
    def done(self) -> bool:
        return self.steps == self.config.optimisation.steps


@final
@dataclass(frozen=True)
class SweepOptions:
    """How the runs of a sweep are trained."""

    stacked: bool = False  # the seeds of a setting as one model
    stop_collapsed: bool = False  # whether a run is stopped at a mode collapse
    cpus: int | None = None  # cores per run; None is the whole machine, or 1 on a cluster
    gpus: float | None = None  # GPUs per run on a cluster
    ray: str | None = None  # auto, local, or a cluster's HOST:PORT

    def n_parallel(self, config: Config) -> int:
        """How many runs train at once on this machine.

        Raises:
            InfoganError: if the options contradict each other, or ask for more than the machine has.
        """
        if self.cpus is not None and self.cpus < 1:
            raise InfoganError(f"sweep: cpus is {self.cpus}, but must be at least 1.")
        if self.gpus is not None and not 0 <= self.gpus < math.inf:
            raise InfoganError(f"sweep: gpus is {self.gpus:g}, but must be at least 0.")
        if self.gpus is not None and self.ray is None:
            raise InfoganError("sweep: gpus is for clusters only; set ray to the address of a cluster.")
        if self.ray is None and self.cpus is not None and self.cpus > cores():
            raise InfoganError(f"sweep: cpus is {self.cpus}, but this machine has {cores()} processors.")
        n_parallel = cores() // (self.cpus or cores())
        in_processes = self.ray is not None or n_parallel > 1
        if self.stacked and (in_processes or self.stop_collapsed):
            raise InfoganError("sweep: stacked does not go with cpus, ray or stop_collapsed.")
        if in_processes and config.run.devices * config.run.nodes > 1:
            raise InfoganError("sweep: runs with several devices or nodes do not go with cpus or ray.")
        if self.ray is not None and config.run.device == "cuda" and not self.gpus:
            raise InfoganError("sweep: device cuda on a cluster needs gpus, such as 1 per run.")
        return n_parallel


def make_trials(
    name: str, config: Config, n_seeds: int, settings: Sequence[Setting], folder: Path
) -> list[Trial]:
    """One trial per seed and setting: all settings of a seed, then those of the next seed.

    Raises:
        InfoganError: if there is no seed, a value is out of range, two settings would share a folder, or a
            folder holds a run of another config.
    """
    if n_seeds < 1:
        raise InfoganError(f"sweep: seeds is {n_seeds}, but must be at least 1.")
    trials: dict[Path, Trial] = {}
    for seed in range(config.run.seed, config.run.seed + n_seeds):
        for setting in settings:
            path = folder / folder_name(name, setting, seed)
            if path in trials:
                raise InfoganError(
                    f"sweep: {format_setting(trials[path].setting)} and {format_setting(setting)} would "
                    f"share the folder {path}; sweep over them separately."
                )
            trials[path] = Trial(path, resolve(with_settings(config, {**setting, "seed": seed})), setting)
    for trial in trials.values():
        if not trial.begun:
            continue
        config = Run.open(trial.path).config
        if trial.config.with_pixel_scale_of(config) != config:
            raise InfoganError(f"{trial.path} holds a run of another config; name another output folder.")
    return list(trials.values())
