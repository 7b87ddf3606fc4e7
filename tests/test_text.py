"""Consoles that cannot print a character, and our own files, in any locale."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infogan.config import Config
from tests.commands import ENV, fail
from tests.trainers import CONFIG

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
CONSOLES = {
    "cp1252, strict": {"PYTHONIOENCODING": "cp1252:strict"},
    "ascii": ASCII,
}


def run_in(env: dict[str, str], *words: str | bytes, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "infogan", *words]
    return subprocess.run(command, cwd=cwd, env={**ENV, **env}, capture_output=True, check=False)


@pytest.mark.parametrize("env", CONSOLES.values(), ids=CONSOLES)
def test_a_console_without_a_letter_shows_its_escape(env: dict[str, str], tmp_path: Path) -> None:
    shown = run_in(env, "presets", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    missing = run_in(env, "data", "info", "folder:λ", cwd=tmp_path)
    assert missing.returncode == 2
    assert b"Traceback" not in missing.stderr
    assert missing.stderr.startswith(b"infogan: images: there is no ")


@pytest.mark.skipif(sys.platform != "linux", reason="bytes as file names")
@pytest.mark.parametrize(
    "name",
    ["ü".encode(), pytest.param(b"\xfc", marks=pytest.mark.night)],
    ids=["utf-8", "latin-1"],
)
def test_folders_in_letters_that_the_locale_lacks(name: bytes, tmp_path: Path) -> None:
    folder = os.path.join(os.fsencode(tmp_path), name)
    os.mkdir(folder)
    for i in range(3):
        picture = tmp_path / f"{i}.png"
        Image.fromarray(np.full((8, 8), 80 * i, np.uint8)).save(picture)
        os.rename(picture, os.path.join(folder, b"%d.png" % i))
    told = run_in(ASCII, "data", "info", b"folder:" + name, cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert b"images                   3" in told.stdout


def test_the_folder_of_a_run_in_letters_that_the_locale_lacks(tmp_path: Path) -> None:
    config = CONFIG.replace(images=f"folder:{tmp_path}/ü λ")
    (tmp_path / "config.json").write_bytes(config.to_json().encode())
    assert Config.from_json((tmp_path / "config.json").read_text("utf-8")) == config
    read = "from pathlib import Path; from infogan import Run; print(ascii(Run.open(Path()).config))"
    command, env = [sys.executable, "-c", read], {**ENV, **ASCII}
    told = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, check=False)
    assert told.stdout.decode().strip() == ascii(config), told.stderr


def test_a_file_name_that_the_locale_cannot_encode_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object) -> None:
        "ü".encode("ascii")

    monkeypatch.setattr("infogan.data.inspect_source", refuse)
    (tmp_path / "a").mkdir()
    assert "lacks; set PYTHONUTF8=1" in fail("data", "info", "folder:a", cwd=tmp_path)


def test_every_text_file_names_its_encoding() -> None:
    """The locale decides otherwise, and differs between the machines that write and read a run."""
    package = Path(__file__).parent.parent / "infogan"
    found: list[str] = []
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                name = (
                    node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                )
                n_needed = {"read_text": 1, "write_text": 2}.get(name)
                named = any(keyword.arg == "encoding" for keyword in node.keywords)
                if n_needed is not None and len(node.args) < n_needed and not named:
                    found.append(f"{path.name}:{node.lineno}")
    assert found == []
