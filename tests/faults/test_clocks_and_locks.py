"""A clock that jumps changes no bit; of two that train in one folder one is refused."""

import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from training_commands import (
    SHORT,
    SLOWEST,
    assert_same,
    fork,
    is_sentence,
    lines,
    newest,
    run,
    start,
    train,
)

YEAR = 365 * 86400
CLOCKS: dict[str, Callable[[float, int], float]] = {  # of the real clock and the number of the call
    "stands still": lambda real, n: 1e9,
    "jumps ahead": lambda real, n: real + n * YEAR,
    "jumps back and ahead": lambda real, n: real + (-1) ** n * YEAR,
    "runs backwards": lambda real, n: 1e9 - n,
}


def set_clock(shown: Callable[[float, int], float]) -> None:
    """Replaces the clocks of this process, which modules of the package call as `time.NAME()`."""
    for name in ("time", "perf_counter", "monotonic"):
        real, count = getattr(time, name), itertools.count()
        setattr(time, name, lambda real=real, count=count: shown(real(), next(count)))


@pytest.mark.parametrize(
    "how",
    [pytest.param(how, marks=[] if how == "jumps back and ahead" else pytest.mark.night) for how in CLOCKS],
)
def test_clock(how: str, straight: Path, tmp_path: Path) -> None:
    """No bit depends on it."""
    path = tmp_path / "run"
    process = fork(*train("digits-code", path, **SHORT), before=lambda: set_clock(CLOCKS[how]))
    _, said = process.communicate(timeout=SLOWEST)
    assert (process.returncode, said) == (0, "")
    assert newest(path)[1] == newest(straight)[1]
    assert lines(path) == lines(straight)
    assert all(
        np.isfinite(json.loads(line)["images_per_s"])
        for line in (path / "metrics.jsonl").read_text().splitlines()
    )


@pytest.mark.night
@pytest.mark.parametrize(
    "begin",
    [
        lambda path: train("digits-code", path, **SHORT),
        lambda path: (
            "sweep",
            "digits-code",
            "--seeds",
            "1",
            *train("digits-code", path.parent, **SHORT)[2:],
        ),
    ],
    ids=["train", "sweep"],
)
def test_two_that_begin_at_once(begin: Callable[[Path], list[str]], straight: Path, tmp_path: Path) -> None:
    path = tmp_path / "digits-code-0"
    both = [start(*begin(path)) for _ in range(2)]
    said = [process.communicate(timeout=300)[1] for process in both]
    codes = [process.returncode for process in both]
    assert sorted(codes) == [0, 2], said
    refused = said[codes.index(2)]
    assert is_sentence(refused), refused
    assert str(path) in refused
    assert_same(path, straight)


def test_second_is_refused_while_one_trains(straight: Path, tmp_path: Path) -> None:
    path = tmp_path / "run"
    first = fork(*train("digits-code", path, steps=100_000))
    try:
        while first.poll() is None and not list(path.glob("checkpoints/*4.safetensors")):
            time.sleep(0.01)
        code, said = run("train", "--resume", path)
        assert code == 2
        assert is_sentence(said)
        assert f"{path} is being trained by another process" in said
        assert first.poll() is None
    finally:
        first.kill()
        first.communicate(timeout=10)
    # The lock died with it.
    found = sorted(path.glob("checkpoints/*.safetensors"))
    goal = int(found[-1].stem) + 1
    assert run("train", "--resume", path, "--steps", str(goal)) == (0, "")
