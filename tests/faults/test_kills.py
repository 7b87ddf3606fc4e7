"""Killed at any moment and gone on with, a training ends in the same bits as one that nobody killed."""

import shutil
import time
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
import pytest
from kills import torment
from PIL import Image
from training_commands import difference, is_sentence, run, run_process, train


def torment_and_compare(
    source: str, tmp_path: Path, kills: int, *, forks: bool = False, **options: int | str
) -> tuple[Path, Path]:
    """A run that nobody killed, and the last of those that were killed so often in all."""
    begin = partial(train, source)
    straight = tmp_path / "straight"
    began = time.monotonic()
    assert (run if forks else run_process)(*train(source, straight, **options)) == (0, "")
    seconds = time.monotonic() - began
    toll = torment(
        tmp_path, lambda path: begin(path, **options), kills, seconds, Random(f"{source} {options}"), forks
    )
    others = [said for said in (difference(path, straight) for path in toll.runs) if said]
    print(f"\n{source} {options or ''}: {toll}, {len(toll.runs) - len(others)} of these to the same bits")
    assert not toll.failures
    assert not others
    assert toll.kills.total() >= kills
    return straight, toll.runs[-1]


def test_digits(tmp_path: Path, nightly: bool) -> None:
    straight, killed = torment_and_compare(
        "digits-code", tmp_path, 50 if nightly else 2, forks=not nightly, steps=100 if nightly else 40
    )
    if not nightly:
        return  # figures of equal bits are equal; the night draws them
    drawn = []
    for path in (straight, killed):
        at = path.rename(tmp_path / "drawn")  # as the figures tell the folder's name
        assert run("figures", at)[0] == 0
        drawn.append({file.name: file.read_bytes() for file in (at / "figures").glob("*.png")})
        shutil.rmtree(at)
    assert drawn[0]
    assert drawn[0] == drawn[1]


def test_going_on_with_what_is_done_changes_nothing(tmp_path: Path) -> None:
    """As where the kill comes between the last save and the end; the goal lies between two lines."""
    path = tmp_path / "run"
    assert run(*train("digits-code", path, steps=10)) == (0, "")
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    code, said = run("train", "--resume", path)
    assert code == 2
    assert is_sentence(said)
    assert "has done its 10 steps" in said
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == before


def test_half_precision(tmp_path: Path, nightly: bool) -> None:
    if not nightly:
        pytest.skip("for the night")
    torment_and_compare("digits-code", tmp_path, 10, precision="bf16-mixed")


def test_mnist(tmp_path: Path, nightly: bool) -> None:
    if not nightly:
        pytest.skip("for the night")
    torment_and_compare(
        "mnist", tmp_path, 3, batch_size=32, steps=20, save_every=2, pretraining_steps=20, knob_steps=20
    )


def test_pictures_of_ones_own(tmp_path: Path, nightly: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more than a hundred, so that they are read once and kept."""
    if not nightly:
        pytest.skip("for the night")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(120):
        Image.fromarray(rng.integers(0, 256, (40, 36, 3), np.uint8)).save(folder / f"{i}.png")
    torment_and_compare(f"folder:{folder}", tmp_path, 5, steps=30, save_every=3)
