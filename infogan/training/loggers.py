"""Who listens to a training: the metrics file, TensorBoard, and the person at the terminal."""

import json
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import final

import torch
from jaxtyping import Float
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column
from torch import Tensor

from infogan.config.config import Config
from infogan.method.latent import Latent
from infogan.runs.run import Run
from infogan.training.trainer import Update
from infogan.utils.io import wrap_write_errors

# "update", "L_I_c1" ..., "loss_d", "loss_g" in nats, "diversity" (diversity.py), "images_per_s", and with
# --warm-up "kinds": L_I of the kinds of real images, in nats
Row = dict[str, float | int]


@final
class Means:
    """Gathers updates and hands their means over, once every `log_every` updates and at the end."""

    def __init__(self, config: Config, latent: Latent, gathered: Tensor, sinks: list[Callable[[Row], None]]):
        """Takes what `gathered` gave when the training was stopped."""
        self.config = config
        self.names = [*(f"L_I_{name}" for name in latent.names), "loss_d", "loss_g", "diversity"]
        self.names += ["kinds"] if config.warm_up else []
        self.sinks = sinks
        self._gathered = list(gathered)
        self._since, self._timed = time.perf_counter(), 0

    @property
    def gathered(self) -> Float[Tensor, "k _"]:
        """The updates after the last line, a row each: what the next line needs to know of them."""
        return torch.stack(self._gathered).cpu() if self._gathered else torch.empty(0, len(self.names))

    def __call__(self, update: Update) -> None:
        values = torch.cat([update.L_I, torch.stack(update[2:])])
        self._gathered.append(values[: len(self.names)])
        self._timed += 1
        is_regular = update.n % self.config.log_every == 0
        if not is_regular and update.n != self.config.updates:
            return
        now = time.perf_counter()
        # A clock that stands still, as that of a machine put to sleep may, is none to divide by.
        rate = self._timed * self.config.batch / max(now - self._since, 1e-9)
        means = torch.stack(self._gathered).mean(dim=0).tolist()
        row = {
            "update": update.n,
            **dict(zip(self.names, means, strict=True)),
            "images_per_s": rate,
        }
        if is_regular:
            self._gathered = []
        self._since, self._timed = now, 0
        for sink in self.sinks:
            sink(row)


def metrics_file(run: Run) -> Callable[[Row], None]:
    """A line of metrics.jsonl for every row, on the disk at once."""

    def write(row: Row) -> None:
        with wrap_write_errors(run.path), (run.path / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")

    return write


def tensorboard(run: Run, start: int) -> list[Callable[[Row], None]]:
    """Event files for TensorBoard in the run folder, if the extra `log` is installed."""
    if find_spec("tensorboard") is None:
        return []
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(run.path / "tensorboard"), purge_step=start + 1)

    def write(row: Row) -> None:
        with wrap_write_errors(run.path):
            for name, value in row.items():
                if name != "update":
                    writer.add_scalar(name, value, int(row["update"]))
            writer.flush()

    return [write]


@final
class Display:
    """A line that lives at the foot of a terminal; elsewhere a plain line for every twentieth of the run."""

    def __init__(self, run: Run, latent: Latent, start: int, console: Console) -> None:
        self.updates = run.config.updates
        self.console = console
        self.H_c = dict(zip(latent.names, (code.entropy() for code in latent.codes), strict=True))
        self.shown = start * 20 // self.updates
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            # Many codes in a narrow terminal: the row is cut, and what stands before it stays.
            TextColumn("{task.fields[row]}", table_column=Column(ratio=1, no_wrap=True)),
        )
        self.progress = Progress(*columns, console=console, expand=True, disable=not console.is_terminal)
        self.task = self.progress.add_task(run.path.name, completed=start, total=self.updates, row="")

    def __enter__(self) -> "Display":
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def __call__(self, row: Row) -> None:
        bounds = " ".join(f"{c} {row[f'L_I_{c}']:.2f}/{H:.2f}" for c, H in self.H_c.items())
        text = (
            f"{row['images_per_s']:.0f} images/s  L_I/H(c) {bounds}  "
            f"loss D {row['loss_d']:.2f} G {row['loss_g']:.2f}"
        )
        n = int(row["update"])
        self.progress.update(self.task, completed=n, row=text)
        if not self.console.is_terminal and n * 20 // self.updates > self.shown:
            self.shown = n * 20 // self.updates
            self.console.print(f"{n}/{self.updates} updates  {text}", soft_wrap=True, highlight=False)
