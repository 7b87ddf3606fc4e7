"""Pictures that cannot be read: counted, named and, where that is wanted, left out."""

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar, final

from infogan.utils.errors import InfoganError, shown

T = TypeVar("T")

SHOWN = 3  # broken pictures that a message names


@final
@dataclass(frozen=True)
class Unreadable:
    """A picture that cannot be read."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{shown(self.name)} ({shown(self.reason)})"


def complain(where: str, n: int, bad: Sequence[Unreadable], skip_bad: bool) -> None:
    """Says on standard error how many of n pictures are left out.

    Raises:
        InfoganError: where none is left, or they are not to be left out.
    """
    if not bad:
        return
    first = ", ".join(map(str, bad[:SHOWN])) + (", ..." if len(bad) > SHOWN else "")
    if n == 1:
        raise InfoganError(
            f"{shown(os.path.join(where, bad[0].name))} cannot be read as a picture ({shown(bad[0].reason)})."
        )
    if len(bad) == n:
        raise InfoganError(f"none of the {n:,} pictures in {shown(where)} can be read: {first}.")
    said = f"{len(bad):,} of {n:,} pictures in {shown(where)} cannot be read: {first}"
    if not skip_bad:
        raise InfoganError(f"{said}; mend them or leave them out by --skip-bad.")
    print(f"{said}; they are left out.", file=sys.stderr)


def writable(name: str) -> str:
    """The name of a file as text that any file can hold, whatever bytes the name is of."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def left(values: Iterable[T], bad: Sequence[int]) -> list[T]:
    """The values whose index is not of the bad ones."""
    out = set(bad)
    return [value for i, value in enumerate(values) if i not in out]
