"""How many threads a training takes."""

import os
from pathlib import Path

import pytest
import torch
from trainers import CONFIG

from infogan.cli import threads
from infogan.cli.threads import idle_processors, set_thread_policy
from infogan.runs.run import Run
from infogan.training import launch

BEFORE = """cpu  9 9 9 9
cpu0 100 0 50 800 50 0 0 0 0 0
cpu1 100 0 50 800 50 0 0 0 0 0
cpu2 0 0 0 1000 0 0 0 0 0 0
intr 5
"""


def after(*busy: int) -> str:
    """The same processors 100 ticks later, of which each was busy for some."""
    rows = [(100, 50, 800, 50), (100, 50, 800, 50), (0, 0, 1000, 0)]
    lines = [
        f"cpu{i} {user + n} 0 {system} {idle + 100 - n} {wait} 0 0 0 0 0"
        for i, ((user, system, idle, wait), n) in enumerate(zip(rows, busy, strict=True))
    ]
    return "\n".join(["cpu  1 1 1 1", *lines, "intr 9"])


@pytest.mark.parametrize(
    ("busy", "allowed", "expected"),
    [
        ((0, 0, 0), {0, 1, 2}, 3),
        ((100, 0, 0), {0, 1, 2}, 2),
        ((100, 0, 0), {1, 2}, 2),  # what other processors do does not count
        ((10, 10, 10), {0, 1, 2}, 3),
        ((100, 100, 100), {0, 1, 2}, 1),
        ((100, 100, 100), {0, 1}, 1),
    ],
)
def test_idle_processors_are_counted(busy: tuple[int, ...], allowed: set[int], expected: int) -> None:
    assert idle_processors(BEFORE, after(*busy), allowed) == expected


def test_the_user_has_the_last_word(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "stat").write_text(BEFORE)
    monkeypatch.setattr(threads, "STAT", tmp_path / "stat")
    monkeypatch.setattr(threads, "SECONDS", 0)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    set_thread_policy(is_new_training=True)
    assert os.environ["OMP_NUM_THREADS"] == "7"
    monkeypatch.delenv("OMP_NUM_THREADS")
    set_thread_policy(is_new_training=False)
    assert "OMP_NUM_THREADS" not in os.environ
    set_thread_policy(is_new_training=True)
    assert int(os.environ["OMP_NUM_THREADS"]) == len(os.sched_getaffinity(0))
    monkeypatch.delenv("OMP_NUM_THREADS")


def test_a_resumed_training_takes_as_many_threads_as_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The bits depend on it."""
    run = Run(tmp_path, CONFIG)
    (tmp_path / "run.json").write_text('{"machine": {"threads": 1}}')
    taken: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", taken.append)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    launch._use_threads_of(run)
    assert taken == []
    monkeypatch.delenv("OMP_NUM_THREADS")
    launch._use_threads_of(run)
    assert taken == [1]
