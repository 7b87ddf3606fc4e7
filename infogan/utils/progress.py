"""Progress bars, on standard error; none if INFOGAN_QUIET is set."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")
QUIET = "INFOGAN_QUIET"  # environment variable; `--quiet` sets it
ProgressCallback = Callable[[str], None]  # called with a line that says what is being done


def console() -> "Console":
    """Standard error, silent if `INFOGAN_QUIET` is set."""
    from rich.console import Console  # imported here to start faster

    return Console(stderr=True, quiet=bool(os.environ.get(QUIET)))


def progress(items: Iterable[T], description: str, total: int | None = None) -> Iterable[T]:
    """The same items, with a progress bar that disappears at the end; in a terminal only."""
    from rich.progress import track

    stderr = console()
    return track(items, description, total, console=stderr, transient=True, disable=not stderr.is_terminal)


@contextmanager
def progress_bar(description: str, total: int, console: "Console") -> Iterator[Callable[[int], None]]:
    """A progress bar, or where there is no terminal a line for every tenth; yields the function that sets how
    much is done."""
    from rich.progress import Progress

    if console.is_terminal:
        with Progress(console=console, transient=True) as bar:
            task = bar.add_task(description, total=total)
            yield lambda done: bar.update(task, completed=done)
        return
    tenths = 0

    def print_tenth(done: int) -> None:
        nonlocal tenths
        if done * 10 // total > tenths:
            tenths = done * 10 // total
            console.print(f"{description}: {done}/{total} steps", highlight=False)

    yield print_tenth


def no_progress(_: str) -> None:
    """The callback that shows nothing."""
