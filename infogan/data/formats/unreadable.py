"""Images that cannot be read: reported, or left out."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from infogan.utils.errors import InfoganError, shown

N_NAMED = 3  # unreadable images that a message names


@final
@dataclass(frozen=True)
class Unreadable:
    """An image that cannot be read, and why."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{shown(self.name)} ({shown(self.reason)})"


def report_unreadable(source: str, n: int, unreadable: Sequence[Unreadable], skip_bad: bool) -> None:
    """Says on standard error how many of n images are left out."""
    if not unreadable:
        return
    first = ", ".join(map(str, unreadable[:N_NAMED])) + (", ..." if len(unreadable) > N_NAMED else "")
    if n == 1:
        path = shown(os.path.join(source, unreadable[0].name))
        raise InfoganError(f"{path} cannot be read as an image ({shown(unreadable[0].reason)}).")
    if len(unreadable) == n:
        raise InfoganError(f"none of the {n:,} images in {shown(source)} can be read: {first}.")
    message = f"{len(unreadable):,} of {n:,} images in {shown(source)} cannot be read: {first}"
    if not skip_bad:
        raise InfoganError(f"{message}; repair them, or set skip_bad to leave them out.")
    print(f"{message}; they are left out.", file=sys.stderr)


def escape_surrogates(name: str) -> str:
    """A file name as text that can be encoded as UTF-8, even if its bytes were not UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
