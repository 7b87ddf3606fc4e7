"""docs/operations/scale.md: its commands for one machine run, and its tables are what a script prints."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import run
from PIL import Image

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "operations" / "scale.md").read_text()
ELSEWHERE = ("several machines", "cluster")  # in the heading of what takes more than one machine
ENV = {
    **os.environ,
    "OMP_NUM_THREADS": "1",
    "PYTHONPATH": str(ROOT),
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
}


def commands() -> list[str]:
    """Those in indented lines, but for sections about several machines, without what follows a #."""
    found, here = [], True
    for line in TEXT.splitlines():
        if line.startswith("#"):
            here = not any(word in line.lower() for word in ELSEWHERE)
        elif here and line.startswith("    "):
            found.append(line.partition(" # ")[0].strip())
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where they run, one after another, with pictures of one's own in photos."""
    folder = tmp_path_factory.mktemp("scale")
    (folder / "photos").mkdir()
    rng = np.random.default_rng(0)
    for i in range(150):
        Image.fromarray(rng.integers(0, 256, (40, 48, 3), np.uint8)).save(folder / "photos" / f"{i}.png")
    return folder


def test_there_are_commands_of_every_kind() -> None:
    verbs = {command.split()[1] for command in commands() if command.startswith("infogan")}
    assert verbs == {"train", "sweep", "data", "encode"}
    assert any(command.startswith("torchrun") for command in commands())


def takes_long(command: str) -> bool:
    """Whether other tests say in less time what it says: those of sweeps, of replicas, and of Ray."""
    replicas = command.startswith("torchrun") or "--devices" in command
    return replicas or command.startswith("infogan sweep") or "--ray" in command


@pytest.mark.parametrize(
    "command",
    [pytest.param(c, marks=[pytest.mark.night] if takes_long(c) else []) for c in commands()],
)
def test_a_command_runs_as_written(folder: Path, command: str) -> None:
    assert command.startswith(("infogan ", "torchrun "))
    cache = {"XDG_CACHE_HOME": str(folder / "cache")}
    if not takes_long(command):
        done = run(*shlex.split(command)[1:], cwd=folder, env=cache)
        assert done.status == 0, done.err
        return
    words = ["bash", "-c", command]
    process = subprocess.run(words, cwd=folder, env=ENV | cache, capture_output=True, text=True, timeout=300)
    assert process.returncode == 0, process.stderr


def test_the_tables_are_what_the_script_prints() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "scale.py")],
        env=ENV,
        capture_output=True,
        text=True,
        check=True,
    )
    tables = done.stdout.strip().split("\n\n")
    assert len(tables) == 5
    assert all(table in TEXT for table in tables)
