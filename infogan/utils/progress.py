"""Where progress is shown: on standard error, and nowhere when it is not wanted."""

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")
QUIET = "INFOGAN_QUIET"  # set, to anything but nothing, by `--quiet` or by the person


def console() -> "Console":
    """Standard error, or nowhere where `INFOGAN_QUIET` is set."""
    from rich.console import Console  # here, as the command line reads QUIET before it needs any of this

    return Console(stderr=True, quiet=bool(os.environ.get(QUIET)))


def progress(items: Iterable[T], doing: str, total: int | None = None) -> Iterable[T]:
    """The same items, with a line saying how far they are, gone when they are done; on a terminal only."""
    from rich.progress import track

    shown = console()
    return track(items, doing, total, console=shown, transient=True, disable=not shown.is_terminal)


ProgressCallback = Callable[[str], None]  # called with a line that says what is being done


def no_progress(_: str) -> None:
    """The callback that shows nothing."""
