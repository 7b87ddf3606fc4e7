"""A stage of pretraining, and what it hands over to adversarial training."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, final

from jaxtyping import Float
from torch import Tensor


@final
@dataclass(frozen=True)
class Targets:
    """Soft targets for the first discrete code, one row per real image, computed once."""

    table: Float[Tensor, "n k"]  # p(.|x), in half precision


class Outcome(NamedTuple):
    """How a stage ended."""

    targets: Targets | None  # None if nothing reliable was found
    message: str  # what was found and how reliable it is, or why there are no targets


class Stage(ABC):
    """Learns targets for a code from real images, before adversarial training."""

    outcome: Outcome  # once `run` is exhausted

    @abstractmethod
    def run(self) -> Iterator[int]:
        """Runs the stage; yields the number of steps done, after each and now and then between two."""
