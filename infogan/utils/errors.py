"""Errors whose message is for the user."""

import difflib
from collections.abc import Iterable
from typing import final

MAX_MESSAGE = 2000  # characters
MAX_QUOTED = 200  # characters of a library's own message


class InfoganError(Exception):
    """Says in one sentence what is wrong, where, and what to do; the command line prints it and exits with 2.

    Unprintable characters are escaped: file names and messages of libraries may hold anything.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message if len(message) <= MAX_MESSAGE else f"{message[:MAX_MESSAGE]}...")

    def __str__(self) -> str:
        return shown(super().__str__())


@final
class NonFiniteError(InfoganError):
    """Raised when a loss or a gradient is NaN or infinite; the weights are unchanged."""


def one_line(error: BaseException) -> str:
    """The message of any exception, on one line and short enough to quote."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}..."


def shown(text: str) -> str:
    """The text on one line, with unprintable characters escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of an error message: the closest known name, or all of them if none is close."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}."
