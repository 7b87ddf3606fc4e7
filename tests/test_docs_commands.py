"""The commands and the Python of README, the tutorials and the guide run in order."""

import contextlib
import functools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

import numpy as np
import pytest
from commands import succeed
from PIL import Image

from infogan.config import Config
from infogan.config.presets import PRESETS, custom_images
from infogan.data import Images
from infogan.data.labels import Labels

ROOT = Path(__file__).parent.parent
GUIDES = [file for folder in ("tutorials", "guide") for file in sorted((ROOT / "docs" / folder).glob("*.md"))]
WITH_COMMANDS = [
    ROOT / "README.md",
    ROOT / "docs" / "start.md",
    *GUIDES,
    ROOT / "docs" / "reference" / "api.md",
]
NOT_RUN = {
    "make": "it installs an environment of its own",
    "infogan paper fig3": "it trains several presets; tests/test_reproduction.py",
    "infogan explore": "it serves until Ctrl-C; tests/test_explore_server.py",
    "--web": "npm downloads onnxruntime-web; tests/test_export_web.py",
    "runs/celeba-0 --onnx": "it is README's, of another run",
    "folder:flowers --transforms": "it is that of folder:signs, with other transforms",
}


class Step(NamedTuple):
    """A command, or a block of Python."""

    doc: str
    code: str

    @property
    def is_command(self) -> bool:
        return self.code.startswith(("infogan ", "make "))


def steps() -> Iterator[Step]:
    """The commands and the Python of README.md, the tutorials and the guide, in order; a command once."""
    seen = set()
    for file in WITH_COMMANDS:
        text = re.sub(
            r"^```\w*\n(.*?)^```$",
            lambda m: re.sub("(?m)^", "    ", m[1]),
            file.read_text(),
            flags=re.M | re.S,
        )
        for block in re.findall(r"(?:^ {4,}.*\n|^\n(?= {4,}))+", text, re.MULTILINE):
            code = dedent(block).strip()
            if not re.match(r"infogan |make |from |import |\w+ = |\w+\.|assert |```", code):
                continue  # what a command prints, or an equation
            is_shell = code.startswith(("infogan ", "make "))
            for part in code.splitlines() if is_shell else [code]:
                if is_shell and (command := part.partition(" # ")[0].strip()) in seen:
                    continue
                seen.add(command if is_shell else "")
                yield Step(file.name, part.partition(" # ")[0].strip() if is_shell else part)


STEPS = list(steps())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands of all documents run."""
    return make_folder(tmp_path_factory.mktemp("docs"))


def make_folder(folder: Path) -> Path:
    """Writes folders of images, and a table about one of them."""
    rng = np.random.default_rng(0)
    for name in ("photos", "celeba", "house-numbers", "signs", "flowers"):
        (folder / name).mkdir()
        for i in range(40):
            corners = rng.integers(0, 256, (4, 4, 3), np.uint8)
            Image.fromarray(corners).resize((40, 32)).save(folder / name / f"{i}.png")
    rows = "".join(f"{i}.png,{i % 2}\n" for i in range(40))
    (folder / "attributes.csv").write_text("file,Male\n" + rows)
    return folder


def shortened(config: Config) -> Config:
    stages = {"pretraining_steps": min(3, config.pretraining.steps), "knob_steps": 3}
    return config.replace(steps=4, batch_size=16, log_every=2, device="cpu", **stages)


SHORT_PRESETS = {
    name: functools.wraps(preset)(lambda preset=preset: shortened(preset()))
    for name, preset in PRESETS.items()
}


def tiny_mnist(*_: Any) -> Images:
    rng = np.random.default_rng(0)
    labels = Labels(rng.integers(0, 10, 300))
    return Images.from_arrays(rng.integers(0, 256, (300, 1, 28, 28), np.uint8), labels)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, quick_scores: None, folder: Path) -> None:
    """Short trainings on few images."""
    for name, preset in SHORT_PRESETS.items():
        monkeypatch.setitem(PRESETS, name, preset)
    monkeypatch.setattr(
        "infogan.cli.options.custom_images",
        lambda *a, **k: shortened(custom_images(*a, **k)).replace(shape=(3, 8, 8)),
    )
    monkeypatch.setattr("infogan.data.datasets.mnist.load_mnist", tiny_mnist)
    monkeypatch.setattr("infogan.data.datasets.mnist._is_available", lambda *_: True)
    monkeypatch.setattr("infogan.method.inversion.STEPS", 2)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))


PYTHON: dict[str, dict[str, Any]] = {}  # the names that the blocks of a document share


@pytest.mark.parametrize(
    "step", STEPS, ids=[f"{step.doc} {step.code.splitlines()[0]}"[:60] for step in STEPS]
)
def test_commands_run_in_order(step: Step, folder: Path, quick: None) -> None:
    for words, reason in NOT_RUN.items():
        if step.is_command and words in step.code:
            pytest.skip(reason)
    if step.is_command:
        code = re.sub(r"--seeds \d+", "--seeds 2", re.sub(r"--steps \d+", "--steps 6", step.code))
        succeed(*shlex.split(code)[1:], cwd=folder)
        return
    rng = np.random.default_rng(0)
    given = {
        "X": rng.normal(size=(300, 6)),
        "codes": rng.normal(size=(300, 2)),
        "factors": rng.integers(0, 4, (300, 2)),
    }
    code = step.code.replace('InfoGAN("cat:10 unif:2"', 'InfoGAN("cat:10 unif:2", max_iter=3')
    code = code.replace("2_000", "40")  # images to draw
    with contextlib.chdir(folder):
        exec(compile(code, step.doc, "exec"), names := PYTHON.setdefault(step.doc, given))
    for name, shape in re.findall(r"^(\w+) = .*# \((\d+(?:, \d+)*)\)", step.code, re.MULTILINE):
        assert ", ".join(map(str, names[name].shape)) == shape
