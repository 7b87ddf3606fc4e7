"""Stages of pretraining, one after the other."""

from collections.abc import Iterator

import torch

from infogan.pretraining.stage import Outcome, Stage, Stages, Targets


class Finds(Stage):
    """Finds a table of one value for some codes, in two steps."""

    def __init__(self, value: float, *codes: int) -> None:
        self.value, self.codes, self.n_steps = value, codes, 2

    def run(self, earlier: Targets) -> Iterator[int]:
        self.seen = set(earlier.by_code)
        yield 1
        yield 2
        tables = {code: torch.full((3, 1), self.value) for code in self.codes}
        names = {code: f"number {self.value}" for code in self.codes}
        self.outcome = Outcome(Targets(tables), f"found {self.value}", names=names)


def test_each_stage_sees_what_was_found_and_the_first_to_serve_a_code_counts() -> None:
    first, second, third = Finds(1.0, 0), Finds(2.0, 0, 1), Finds(3.0, 2)
    stages = Stages(first, second, third)
    assert stages.n_steps == 6
    assert list(stages.run(Targets())) == [1, 2, 3, 4, 5, 6]
    assert [stage.seen for stage in (first, second, third)] == [set(), {0}, {0, 1}]
    tables = stages.outcome.targets.by_code
    assert {code: float(table[0]) for code, table in tables.items()} == {0: 1.0, 1: 2.0, 2: 3.0}
    assert stages.outcome.names == {0: "number 1.0", 1: "number 2.0", 2: "number 3.0"}
    assert stages.outcome.message == "found 1.0\nfound 2.0\nfound 3.0"
