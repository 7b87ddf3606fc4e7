"""A clock that jumps changes no bit; of two that train in one folder one is refused."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from training_commands import SHORT, assert_same, is_sentence, lines, newest, run, run_process, start, train

CLOCK = """
import time
import itertools
count = itertools.count()
def {name}(real=time.{name}):
    return {value}
time.{name} = {name}
"""
YEAR = 365 * 86400
CLOCKS = {
    "stands still": "1e9",
    "jumps ahead": f"real() + next(count) * {YEAR}",
    "jumps back and ahead": f"real() + (-1) ** next(count) * {YEAR}",
    "runs backwards": "1e9 - next(count)",
}


@pytest.mark.parametrize(
    "how", [pytest.param(how, marks=pytest.mark.night if "jumps" in how else ()) for how in CLOCKS]
)
def test_clock(how: str, straight: Path, tmp_path: Path) -> None:
    """No bit depends on it."""
    (tmp_path / "site").mkdir()
    names = ("time", "perf_counter", "monotonic")
    patch = "".join(CLOCK.format(name=name, value=CLOCKS[how]) for name in names)
    (tmp_path / "site" / "sitecustomize.py").write_text(patch)
    path_of_modules = os.pathsep.join([str(tmp_path / "site"), *os.environ.get("PYTHONPATH", "").split()])
    path = tmp_path / "run"
    code, said = run_process(*train("digits-code", path, **SHORT), env={"PYTHONPATH": path_of_modules})
    assert (code, said) == (0, "")
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
    first = start(*train("digits-code", path, steps=100_000))
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
        first.communicate()
    # The lock died with it.
    found = sorted(path.glob("checkpoints/*.safetensors"))
    goal = int(found[-1].stem) + 1
    assert run("train", "--resume", path, "--steps", str(goal)) == (0, "")
