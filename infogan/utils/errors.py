"""The one error that is meant for the person at the keyboard."""

import difflib
from collections.abc import Iterable
from typing import final

LONGEST = 2000  # characters of a sentence
QUOTED = 200  # characters of what a library says


class InfoganError(Exception):
    """One sentence: what was wrong, where, and what to do. The command line prints it, exits with 2.

    Names of files and what libraries say may hold anything, so it is made fit for a terminal here.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message if len(message) <= LONGEST else f"{message[:LONGEST]}...")

    def __str__(self) -> str:
        return shown(super().__str__())


@final
class NonFiniteError(InfoganError):
    """A loss that is no finite number, which no weight followed."""


def one_line(error: BaseException) -> str:
    """What a library says of its own error, short enough for such a sentence."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= QUOTED else f"{text[:QUOTED]}..."


def shown(text: str) -> str:
    """A text on one line, with what cannot be seen written out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of such a sentence: the nearest known name if one is near, else all of them."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}."
