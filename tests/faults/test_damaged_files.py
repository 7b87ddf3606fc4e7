"""A run folder whose files are cut or altered: the right result or one sentence, never a traceback."""

import io
import shutil
from pathlib import Path
from random import Random

import pytest
from rich.console import Console
from training_commands import lines, newest, run, train

from infogan.data import LoadOptions
from infogan.training import launch
from infogan.utils.errors import InfoganError

FILES = ("config.json", "run.json", "metrics.jsonl", "newest", "both")
HEAD = 1000  # bytes into a checkpoint at which its head is not over yet


def damages(content: bytes, rng: Random) -> dict[str, bytes]:
    """The content cut at every class of length, and with a byte flipped at random."""
    keep = {0, 1, 8, min(HEAD, len(content)) - 1, len(content) // 2, len(content) - 1}
    at = rng.randrange(len(content))
    flipped = bytearray(content)
    flipped[at] ^= 1 << rng.randrange(8)
    return {**{f"cut to {n}": content[:n] for n in sorted(keep)}, f"byte {at} flipped": bytes(flipped)}


@pytest.fixture(scope="module")
def stopped(straight: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 8 of 12 updates, by having lost its last checkpoint and the one before drawn anew."""
    path = tmp_path_factory.mktemp("runs") / "stopped"
    assert run(*train("digits-code", path, steps=8)) == (0, "")
    config = path / "config.json"
    config.write_text(config.read_text().replace('"steps": 8', '"steps": 12'))
    return path


@pytest.mark.parametrize("name", FILES)
def test_damaged_files(
    name: str,
    stopped: Path,
    straight: Path,
    tmp_path: Path,
    nightly: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In this process, as there are many."""
    outcomes = {"right": 0, "a sentence": 0}
    rng = Random(name)
    files = (
        sorted((stopped / "checkpoints").glob("*.safetensors"))[-1:] if name == "newest" else [stopped / name]
    )
    files = sorted((stopped / "checkpoints").glob("*.safetensors")) if name == "both" else files
    all_damages = [
        damage
        for _ in range(20 if nightly else 1)
        for damage in zip(*(damages(file.read_bytes(), rng).items() for file in files), strict=True)
    ]
    for i, damage in enumerate(all_damages):
        path = tmp_path / str(i)
        shutil.copytree(stopped, path)
        for file, (_, content) in zip(files, damage, strict=True):
            (path / file.relative_to(stopped)).write_bytes(content)
        what = f"{name}, {damage[0][0]}"
        try:
            told = resume(path)
        except InfoganError as error:
            said = str(error)
            assert said.isprintable(), what
            assert said.endswith((".", "?")), what
            assert name in ("config.json", "both"), f"{what}: {said}"
            assert path.name in said or "config" in said, what
            outcomes["a sentence"] += 1
        else:
            told += capsys.readouterr().err
            if name == "newest":
                assert files[0].name in told, what
                assert (path / "checkpoints" / f"{files[0].name}.damaged").read_bytes() == damage[0][1], what
            is_right = newest(path) == newest(straight)
            assert is_right or (name == "config.json" and "config" in told), what
            if is_right:
                assert_rows(path, straight, damage[0][1] if name == "metrics.jsonl" else None)
            outcomes["right"] += 1
        shutil.rmtree(path)
    with capsys.disabled():
        print(f"\n{name}: {len(all_damages)} damages, {outcomes}")


def resume(path: Path) -> str:
    """Goes on to the end; what the console was told."""
    told = io.StringIO()
    assert launch.resume(path, {}, LoadOptions(), Console(file=told, width=500)).finished
    return told.getvalue()


def assert_rows(path: Path, straight: Path, damaged: bytes | None) -> None:
    """The lines of a run that nothing happened to, but for those that the damage took."""
    rows, due = lines(path), lines(straight)
    if damaged is None:
        assert rows == due
    else:
        assert all(row["step"] <= 12 for row in rows)
        assert [row for row in rows if row["step"] > 8] == [row for row in due if row["step"] > 8]
