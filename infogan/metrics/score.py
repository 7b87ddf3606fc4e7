"""A number that says how sure it is and how it was taken."""

from typing import TypedDict


class Score(TypedDict):
    """A value with the bounds of its 95 % interval, and its protocol in words."""

    value: float
    low: float
    high: float
    protocol: str
