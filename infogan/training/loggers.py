"""Loggers of a training: metrics.jsonl, TensorBoard, and the progress line in the terminal."""

import json
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import final

import torch
from jaxtyping import Float
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column
from torch import Tensor

from infogan.config import Config
from infogan.method.latent import Latent
from infogan.method.objective import max_info_bound
from infogan.runs.run import Run
from infogan.utils.environment import WaitForCore
from infogan.utils.io import wrap_write_errors

# "step", "L_I_c1" ... in nats, "loss_d", "loss_g" and each term under its name, "diversity", "images_per_s"
Row = dict[str, float | int]
MAX_WAIT = 0.2  # of the time that this process could run, from which on the progress line mentions it
Sink = Callable[[Row], None]


@final
class Means:
    """Averages metrics over every `log_every` steps, and over what is left at the end; calls the sinks."""

    def __init__(self, config: Config, since_log: Tensor, sinks: list[Sink]) -> None:
        """
        Args:
            since_log: `Means.since_log` of a training that was stopped.
        """
        self.config, self.sinks = config, sinks
        self.names: list[str] = []
        self._since_log = list(since_log)
        self._start, self._n_timed = time.perf_counter(), 0

    @property
    def since_log(self) -> Float[Tensor, "..."]:
        """The metrics of the steps since the last regular mean, one row per step; empty if there are none."""
        return torch.stack(self._since_log).cpu() if self._since_log else torch.empty(0)

    def add(self, step: int, metrics: Mapping[str, Tensor]) -> None:
        self.names = list(metrics)
        self._since_log.append(torch.stack([value.float() for value in metrics.values()]))
        self._n_timed += 1
        is_regular = step % self.config.run.log_every == 0
        if not is_regular and step != self.config.optimisation.steps:
            return
        now = time.perf_counter()
        # The clock of a machine that was suspended may not have moved.
        rate = self._n_timed * self.config.optimisation.batch_size / max(now - self._start, 1e-9)
        means = torch.stack(self._since_log).mean(dim=0).tolist()
        row: Row = {"step": step, **dict(zip(self.names, means, strict=True)), "images_per_s": rate}
        if is_regular:
            self._since_log = []
        self._start, self._n_timed = now, 0
        for sink in self.sinks:
            sink(row)


def metrics_file(run: Run) -> Sink:
    """Appends each row to metrics.jsonl at once."""

    def write(row: Row) -> None:
        with wrap_write_errors(run.path), (run.path / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    return write


def tensorboard(run: Run, start: int) -> list[Sink]:
    """Event files for TensorBoard in the run folder, if the extra `log` is installed."""
    if find_spec("tensorboard") is None:
        return []
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(run.path / "tensorboard"), purge_step=start + 1)

    def write(row: Row) -> None:
        with wrap_write_errors(run.path):
            for name, value in row.items():
                if name != "step":
                    writer.add_scalar(name, value, int(row["step"]))
            writer.flush()

    return [write]


@final
class Display:
    """A progress line in a terminal; elsewhere a line of text for every twentieth of the run.

    It says so if the training often waits for a core, because other programs run beside it.
    """

    def __init__(self, run: Run, latent: Latent, start: int, console: Console) -> None:
        self.steps = run.config.optimisation.steps
        self.console = console
        codes = run.config.codes
        ceilings = [max_info_bound(code, codes.fixed_std or codes.min_std) for code in latent.codes]
        self.ceilings = dict(zip(latent.names, ceilings, strict=True))
        self.n_shown = start * 20 // self.steps
        self.waited = WaitForCore()
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            # In a narrow terminal the metrics are cut off, and what stands before them stays.
            TextColumn("{task.fields[row]}", table_column=Column(ratio=1, no_wrap=True)),
        )
        self.progress = Progress(*columns, console=console, expand=True, disable=not console.is_terminal)
        self.task = self.progress.add_task(run.path.name, completed=start, total=self.steps, row="")

    def __enter__(self) -> "Display":
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def __call__(self, row: Row) -> None:
        bounds = " ".join(
            f"{c} {row[f'L_I_{c}']:.2f}" + (f"/{most:.2f}" if most is not None else "")
            for c, most in self.ceilings.items()
        )
        text = (
            f"{row['images_per_s']:.0f} images/s  L_I in nats/at most {bounds}  "
            f"loss D {row['loss_d']:.2f} G {row['loss_g']:.2f}"
        )
        if (waited := self.waited.share()) > MAX_WAIT:
            text = f"machine shared: waits for a core {waited:.0%} of the time  {text}"
        n = int(row["step"])
        self.progress.update(self.task, completed=n, row=text)
        if not self.console.is_terminal and n * 20 // self.steps > self.n_shown:
            self.n_shown = n * 20 // self.steps
            self.console.print(f"{n}/{self.steps} steps  {text}", soft_wrap=True, highlight=False)
