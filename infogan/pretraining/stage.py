"""A stage of pretraining, and the targets that it hands over to adversarial training."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, final

from jaxtyping import Float
from torch import Tensor


@final
@dataclass(frozen=True)
class Targets:
    """Soft targets for some of the codes, one row per real image, computed once.

    A table has the columns that G takes for that code: the probability of each category, a number, or the
    cosine and sine of an angle.
    """

    by_code: Mapping[int, Float[Tensor, "n width"]] = field(default_factory=dict)  # half precision


class Outcome(NamedTuple):
    """How a stage ended."""

    targets: Targets  # empty if nothing reliable was found
    message: str  # what was found and how reliable it is, or why there are no targets
    categories: Mapping[int, tuple[str, ...]] = {}  # by code, what labels call its first categories
    names: Mapping[int, str] = {}  # of codes that are known to follow something


class Stage(ABC):
    """Learns targets for codes from real images, before adversarial training."""

    n_steps: int
    outcome: Outcome  # once `run` is exhausted

    @abstractmethod
    def run(self, earlier: Targets) -> Iterator[int]:
        """Runs the stage; yields the number of steps done, after each and now and then between two.

        Args:
            earlier: the targets of earlier stages.
        """


@final
class Stages(Stage):
    """Several stages, one after the other; where two find targets for the same code, the first counts."""

    def __init__(self, *stages: Stage) -> None:
        self.stages = stages
        self.n_steps = sum(stage.n_steps for stage in stages)

    def run(self, earlier: Targets) -> Iterator[int]:
        n_before = 0
        for stage in self.stages:
            for n in stage.run(earlier):
                yield n_before + n
            n_before += stage.n_steps
            earlier = Targets({**stage.outcome.targets.by_code, **earlier.by_code})
        messages = "\n".join(stage.outcome.message for stage in self.stages)
        categories = {
            code: names for stage in self.stages for code, names in stage.outcome.categories.items()
        }
        names = {code: name for stage in self.stages[::-1] for code, name in stage.outcome.names.items()}
        self.outcome = Outcome(earlier, messages, categories, names)
