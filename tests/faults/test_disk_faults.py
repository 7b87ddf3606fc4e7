"""A disk that is full, not to be written, or damaged; data that is gone; a clock that jumps; two at once.

Each ends in the right result or in one sentence, never in a traceback, and takes nothing that was there.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from training_commands import SHORT, SLOWEST, assert_same, fork, is_sentence, run, train

from infogan.runs.run import Run

is_root = os.geteuid() == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk that holds a checkpoint or two."""
    if not is_root:
        pytest.skip("to mount a disk one has to be root")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(disk)], check=False)
    if mounted.returncode != 0:
        pytest.skip("no disk can be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.night  # by day `test_file_too_large` stands for it
@pytest.mark.parametrize(("room", "saved"), [(0, 0), (1_000_000, 1), (5_500_000, 2)])
def test_full_disk(small_disk: Path, straight: Path, room: int, saved: int) -> None:
    """In the first save, in a later one or between: what was there stays, and goes on once there is room."""
    filler = small_disk / "filler"
    path = small_disk / "run"
    filler.write_bytes(bytes(os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_bsize - room))
    code, said = run(*train("digits-code", path, **SHORT))
    assert code == 2
    assert is_sentence(said)
    assert "No space left on device" in said
    assert str(path) in said
    assert len(list(path.glob("checkpoints/*.safetensors"))) == saved
    filler.unlink()
    command = (
        ("train", "--resume", path)
        if (path / "config.json").is_file()
        else train("digits-code", path, **SHORT)
    )
    assert run(*command) == (0, "")
    assert_same(path, straight)


def test_file_too_large(tmp_path: Path, straight: Path) -> None:
    """As a quota is, without being root."""
    path = tmp_path / "run"
    done = fork(
        *train("digits-code", path, **SHORT),
        before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)),
    )
    _, said = done.communicate(timeout=SLOWEST)
    assert done.returncode == 2
    assert is_sentence(said)
    assert "File too large" in said
    assert run("train", "--resume", path) == (0, "")
    assert_same(path, straight)


@pytest.mark.night
@pytest.mark.skipif(is_root and not shutil.which("setpriv"), reason="root may write anything")
def test_folder_that_is_not_to_be_written(tmp_path: Path, straight: Path) -> None:
    path = tmp_path / "run"
    shutil.copytree(straight, path)
    for folder in (path, path / "checkpoints"):
        folder.chmod(0o555)
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    powerless = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if is_root else []
    resume = ["train", "--resume", str(path), "--steps", "20"]
    asked = json.dumps([resume, train("digits-code", path / "new", **SHORT)])
    code = "import json, sys; from training_commands import run\n"
    code += "print(json.dumps([run(*words) for words in json.loads(sys.argv[1])]))"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*powerless, sys.executable, "-c", code, asked], capture_output=True, text=True,
                          check=True, env=env)  # fmt: skip
    for status, said in json.loads(done.stdout):
        assert status == 2, said
        assert is_sentence(said)
        assert str(path) in said
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == before
    for folder in (path, path / "checkpoints"):
        folder.chmod(0o755)
    assert run("train", "--resume", path, "--steps", "13")[0] == 0


def pictures(folder: Path, n: int = 40) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(n):
        Image.fromarray(rng.integers(0, 256, (32, 32), np.uint8)).save(folder / f"{i}.png")
    return folder


def test_data_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """During a training it goes on by what it has read; before one goes on it is missed in one sentence."""
    folder = pictures(tmp_path / "pictures")
    source, options = f"folder:{folder}", {"steps": 8, "save_every": 2}
    assert run(*train(source, tmp_path / "straight", **options)) == (0, "")
    path, away = tmp_path / "run", tmp_path / "away"
    save = Run.save

    def save_and_lose(*args: Any, **kwargs: Any) -> None:
        save(*args, **kwargs)
        if not away.exists():
            folder.rename(away)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "save", save_and_lose)
        assert run(*train(source, path, **options)) == (0, "")
    assert away.exists()
    assert_same(path, tmp_path / "straight")
    code, said = run("train", "--resume", path, "--steps", "10")
    assert code == 2
    assert is_sentence(said)
    assert str(folder) in said
    away.rename(folder)
    assert run("train", "--resume", path, "--steps", "10")[0] == 0
