"""The command line as a process of its own, and what it leaves in a run folder."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import commands
import safetensors.torch
import torch

OPTIONS = {
    "steps": 100,
    "save_every": 4,
    "log_every": 3,
    "batch_size": 16,
    "device": "cpu",
    "precision": "32-true",
}
SHORT = {"steps": 12}
SLOWEST = 300.0  # seconds that any command of these tests may take on a busy machine


def words(*arguments: str | Path) -> list[str]:
    """The command line of `infogan ARGUMENTS`."""
    return [sys.executable, "-m", "infogan", "--quiet", *map(str, arguments)]


def fork(*arguments: str | Path, before: Callable[[], None] = lambda: None) -> commands.Forked:
    """`infogan ARGUMENTS` in a fork of this process, which first calls `before`."""
    return commands.Forked("--quiet", *arguments, before=before)


def start(*arguments: str | Path, env: dict[str, str] | None = None) -> "subprocess.Popen[str]":
    """`infogan ARGUMENTS`, on one thread."""
    return subprocess.Popen(
        words(*arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **(env or {})},
    )


def run(*arguments: str | Path) -> tuple[int, str]:
    """The exit status of `infogan ARGUMENTS`, in this process, and what it printed on standard error."""
    result = commands.run("--quiet", *arguments, cwd=Path.cwd())
    return result.status, result.err


def run_process(*arguments: str | Path, env: dict[str, str] | None = None) -> tuple[int, str]:
    """The same in a process of its own."""
    process = start(*arguments, env=env)
    try:
        _, said = process.communicate(timeout=SLOWEST)
    finally:
        process.kill()
    return process.returncode, said


def train(source: str, out: Path, **options: int | str) -> list[str]:
    """`train SOURCE --out OUT`, small, with other options where they are named."""
    words = [(f"--{name.replace('_', '-')}", str(value)) for name, value in {**OPTIONS, **options}.items()]
    return ["train", source, *(word for pair in words for word in pair), "--out", str(out)]


def lines(path: Path) -> list[dict[str, Any]]:
    """metrics.jsonl but for the clock's."""
    rows = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name != "images_per_s"} for row in rows]


def newest(path: Path) -> tuple[str, bytes]:
    """The name and the bytes of the newest checkpoint."""
    found = max((path / "checkpoints").glob("*.safetensors"))
    return found.name, found.read_bytes()


def is_sentence(said: str) -> bool:
    """Whether a command told the person, not the programmer, what was wrong."""
    return said.startswith("infogan: ") and "Traceback" not in said and said.count("\n") == 1


def difference(path: Path, straight: Path) -> str:
    """What a run differs in from one that nothing happened to; empty where it is the same to the bit."""
    (name, content), (due_name, due_content) = newest(path), newest(straight)
    if name != due_name:
        return f"{path.name} ends with {name}"
    if content != due_content:
        found, due = safetensors.torch.load(content), safetensors.torch.load(due_content)
        other = [key for key in due if key not in found or not torch.equal(found[key], due[key])]
        return f"{path.name} has other {', '.join(other) or 'words in its checkpoint'}"
    rows, due_rows = lines(path), lines(straight)
    if rows != due_rows:
        gone = [row["step"] for row in due_rows if row not in rows]
        return f"{path.name} has other lines; of updates {gone} they are gone"
    return "half a file is left" if any(path.rglob("*.part")) else ""


def assert_same(path: Path, straight: Path) -> None:
    assert not difference(path, straight)
