"""The one error that is meant for the person at the keyboard."""

import difflib
from collections.abc import Iterable
from typing import final


@final
class InfoganError(Exception):
    """One sentence: what was wrong, where, and what to do. The command line prints it, exits with 2."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of such a sentence: the nearest known name if one is near, else all of them."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}."
