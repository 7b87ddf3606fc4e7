"""Hostile files of every format end in a result or in a sentence; fuzz.py says what counts as neither."""

from collections.abc import Iterator

import pytest
from fuzz import Fuzzer
from fuzz_formats import FORMATS, make_input

CI, NIGHT = 200, 100_000
SLOW = ("checkpoint", "weights")  # which have a network made for each
FEWER = 5


@pytest.fixture(scope="module")
def fuzzer() -> Iterator[Fuzzer]:
    with Fuzzer() as fuzzer:
        yield fuzzer


@pytest.mark.parametrize("name", FORMATS)
def test_format(name: str, fuzzer: Fuzzer, nightly: bool) -> None:
    inputs = NIGHT if nightly else CI // (FEWER if name in SLOW else 1)
    result = fuzzer.run(name, seed=0, inputs=inputs)
    print(f"\n{result}")
    assert not result.findings, "\n".join(map(str, result.findings[:5]))


@pytest.mark.parametrize("name", FORMATS)
def test_an_input_is_a_function_of_its_index(name: str) -> None:
    inputs = [make_input(name, 3, i) for i in (0, *range(100, 110))]
    assert [make_input(name, 3, i) for i in (0, *range(100, 110))] == inputs
    assert make_input(name, 4, 109) != inputs[-1]


@pytest.mark.night
def test_what_is_found(fuzzer: Fuzzer) -> None:
    """An exception, a death, a hang, memory without bound and a message that moves the cursor."""
    results = {what: fuzzer.run(f"planted {what}", seed=0, inputs=3).findings for what in PLANTED}
    assert {
        what: [(f.i, f.what[: len(PLANTED[what])]) for f in found] for what, found in results.items()
    } == {what: [(1, said)] if said else [] for what, said in PLANTED.items()}


PLANTED = {
    "nothing": "",
    "exception": "ZeroDivisionError",
    "death": "died by SIGSEGV",
    "hang": "took more than",
    "memory": "MemoryError",
    "message": "a message that is not for a terminal",
}
