"""A training that is killed again and again, at moments of chance, and gone on with each time."""

import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from subprocess import Popen
from typing import final

from commands import Forked
from training_commands import SLOWEST, fork, start

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGTERM)


@final
@dataclass
class Toll:
    """How often it was killed, by what, and when."""

    kills: Counter[str] = field(default_factory=Counter)
    runs: list[Path] = field(default_factory=list)  # that came to their end
    failures: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        told = ", ".join(f"{n} {what}" for what, n in sorted(self.kills.items()))
        return (
            f"{self.kills.total()} kills ({told}); {len(self.runs)} runs came to their end, "
            f"{len(self.failures)} failures"
        )


def torment(
    folder: Path, begin: Callable[[Path], Sequence[str]], kills: int, seconds: float, rng: Random, forks: bool
) -> Toll:
    """Kills trainings, one after another, so many times in all; then lets the last come to its end.

    Args:
        begin: the command that begins a training in a folder.
        seconds: how long one takes that nobody kills.
        forks: whether trainings are forks of this process, which start at once.
    """
    launch = fork if forks else start
    toll = Toll()
    while toll.kills.total() < kills and not toll.failures:
        path = folder / f"run-{len(toll.runs)}"
        while not _to_the_end(path, begin, launch, kills, seconds, rng, toll) and not toll.failures:
            pass
        toll.runs.append(path)
        if left := sorted(p.name for p in path.rglob("*.part")):
            toll.failures.append(f"{path} still holds {left}")
    return toll


def _to_the_end(
    path: Path,
    begin: Callable[[Path], Sequence[str]],
    launch: Callable[..., Popen[str] | Forked],
    kills: int,
    seconds: float,
    rng: Random,
    toll: Toll,
) -> bool:
    """Begins or goes on with a run; whether it came to its end."""
    is_begun = (path / "config.json").is_file()
    process = launch(*(("train", "--resume", path) if is_begun else begin(path)))
    died_by = None
    if toll.kills.total() < kills:
        _wait(path, process.poll, seconds, rng)
        if process.poll() is None:
            died_by = rng.choice(SIGNALS)
            process.send_signal(died_by)
    _, said = process.communicate(timeout=SLOWEST)
    code = process.returncode
    if code == 2 and "has done its" in said:
        return True  # a signal before this came after the last update
    if died_by is None or code == 0:
        if code != 0:
            toll.failures.append(f"{path}: status {code} without a kill: {said}")
        return code == 0
    toll.kills[f"by {died_by.name} {_moment(path)}"] += 1
    # A signal that can be handled ends a training with 130; before that Python has not come so far.
    if died_by != signal.SIGKILL and code == 2:
        toll.failures.append(f"{path}: status 2 by {died_by.name}: {said}")
    return False


def _wait(path: Path, has_ended: Callable[[], int | None], seconds: float, rng: Random) -> None:
    """Until a moment of chance: anywhere, or within the writing of a checkpoint."""
    began = time.monotonic()
    if rng.random() < 0.5:
        time.sleep(rng.uniform(0, seconds))
        return
    skip = rng.randrange(20)
    was_writing = False
    while has_ended() is None and time.monotonic() - began < 4 * seconds:
        is_writing = any(path.rglob("*.part"))
        skip -= is_writing and not was_writing
        was_writing = is_writing
        if skip < 0:
            time.sleep(rng.choice((0, 0, 0.0005, 0.002)))
            return
        time.sleep(0.0002)


def _moment(path: Path) -> str:
    """Where the kill hit, by what it left."""
    if not (path / "config.json").is_file():
        return "before there was a config"
    if not any((path / "checkpoints").glob("*.safetensors")):
        return "before the first checkpoint"
    if any(path.rglob("*.part")):
        return "within a save"
    return "within the training"
